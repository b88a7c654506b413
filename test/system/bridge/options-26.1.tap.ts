import { runSuite } from './run-suite.ts';
import { options } from './suite-options.ts';

await runSuite('26.1', options);
