import { dockerdFaults } from './dockerd-faults.ts';

dockerdFaults('20.10');
