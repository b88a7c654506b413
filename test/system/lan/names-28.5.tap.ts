import { runLanSuite } from './run-suite.ts';
import { names } from './suite-names.ts';

await runLanSuite('28.5', names);
