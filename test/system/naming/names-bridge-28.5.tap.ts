import { runSuite } from '../bridge/run-suite.ts';
import { BRIDGE_NAMES } from './suite-bridge.ts';

await runSuite('28.5', BRIDGE_NAMES);
