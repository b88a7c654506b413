import { runSuite } from './run-suite.ts';
import { gateways } from './suite-gateways.ts';
import { options } from './suite-options.ts';

await runSuite('20.10', options);
await runSuite('20.10', gateways);
