import { dockerdFaults } from './dockerd-faults.ts';

dockerdFaults('28.5');
