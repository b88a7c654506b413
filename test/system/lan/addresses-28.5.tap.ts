import { runLanSuite } from './run-suite.ts';
import { addresses } from './suite-addresses.ts';

await runLanSuite('28.5', addresses);
