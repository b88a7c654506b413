import { runSuite } from '../bridge/run-suite.ts';
import { BRIDGE_NAMES } from './suite-bridge.ts';

await runSuite('26.1', BRIDGE_NAMES);
