import { runSuite } from './run-suite.ts';
import { networks } from './suite-networks.ts';

await runSuite('26.1', networks);
