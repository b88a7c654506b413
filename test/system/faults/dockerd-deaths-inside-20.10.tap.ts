import { dockerdDeathsInside } from './dockerd-faults.ts';

dockerdDeathsInside('20.10');
