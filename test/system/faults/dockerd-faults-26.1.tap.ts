import { dockerdFaults } from './dockerd-faults.ts';

dockerdFaults('26.1');
