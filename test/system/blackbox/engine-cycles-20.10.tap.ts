import { runSuite } from '../bridge/run-suite.ts';
import { engineCycles } from './engine-cycles.ts';

await runSuite('20.10', engineCycles(40));
