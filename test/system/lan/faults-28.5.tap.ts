import { runLanSuite } from './run-suite.ts';
import { faults } from './suite-faults.ts';

await runLanSuite('28.5', faults);
