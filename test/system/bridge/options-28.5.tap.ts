import { runSuite } from './run-suite.ts';
import { options } from './suite-options.ts';

await runSuite('28.5', options);
