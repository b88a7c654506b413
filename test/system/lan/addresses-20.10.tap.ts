import { runLanSuite } from './run-suite.ts';
import { addresses } from './suite-addresses.ts';

await runLanSuite('20.10', addresses);
