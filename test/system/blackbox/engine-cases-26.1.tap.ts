import { runSuite } from '../bridge/run-suite.ts';
import { engineCases } from './engine-cases.ts';

await runSuite('26.1', engineCases);
