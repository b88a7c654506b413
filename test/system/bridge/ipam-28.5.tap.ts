import { runSuite } from './run-suite.ts';
import { ipam } from './suite-ipam.ts';

await runSuite('28.5', ipam);
