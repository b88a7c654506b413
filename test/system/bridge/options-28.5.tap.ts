import { runSuite } from './run-suite.ts';
import { gateways } from './suite-gateways.ts';
import { options } from './suite-options.ts';

await runSuite('28.5', options);
await runSuite('28.5', gateways);
