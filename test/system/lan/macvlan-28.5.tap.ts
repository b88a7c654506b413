import { runLanSuite } from './run-suite.ts';
import { macvlan } from './suite-macvlan.ts';

await runLanSuite('28.5', macvlan);
