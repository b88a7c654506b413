import { runSuite } from '../bridge/run-suite.ts';
import { BRIDGE_NAMES } from './suite-bridge.ts';

await runSuite('20.10', BRIDGE_NAMES);
