import { dockerdDeathsInside } from './dockerd-faults.ts';

dockerdDeathsInside('28.5');
