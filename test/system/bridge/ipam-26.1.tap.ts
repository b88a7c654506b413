import { runSuite } from './run-suite.ts';
import { ipam } from './suite-ipam.ts';

await runSuite('26.1', ipam);
