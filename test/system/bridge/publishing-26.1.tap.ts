import { runSuite } from './run-suite.ts';
import { publishing } from './suite-publishing.ts';

await runSuite('26.1', publishing);
