import { runSuite } from '../bridge/run-suite.ts';
import { engineCases } from './engine-cases.ts';

await runSuite('20.10', engineCases);
