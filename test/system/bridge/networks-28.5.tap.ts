import { runSuite } from './run-suite.ts';
import { networks } from './suite-networks.ts';

await runSuite('28.5', networks);
