import { runLanSuite } from './run-suite.ts';
import { names } from './suite-names.ts';

await runLanSuite('20.10', names);
