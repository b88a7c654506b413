import { dockerdDeathsInside } from './dockerd-faults.ts';

dockerdDeathsInside('26.1');
