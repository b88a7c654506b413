import { runSuite } from './run-suite.ts';
import { gateways } from './suite-gateways.ts';
import { options } from './suite-options.ts';

await runSuite('26.1', options);
await runSuite('26.1', gateways);
