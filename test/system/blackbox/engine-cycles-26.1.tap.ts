import { runSuite } from '../bridge/run-suite.ts';
import { engineCycles } from './engine-cycles.ts';

await runSuite('26.1', engineCycles(40));
