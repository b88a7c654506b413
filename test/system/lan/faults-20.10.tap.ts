import { runLanSuite } from './run-suite.ts';
import { faults } from './suite-faults.ts';

await runLanSuite('20.10', faults);
