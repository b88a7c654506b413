import { runSuite } from '../bridge/run-suite.ts';
import { engineCycles } from './engine-cycles.ts';

await runSuite('28.5', engineCycles(100));
