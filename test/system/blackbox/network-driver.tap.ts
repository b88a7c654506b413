import './own-host.ts';
import { endpointCases } from './endpoint-cases.ts';
import { networkCases } from './network-cases.ts';
import { portCases } from './port-cases.ts';
import { restartCases } from './restart-cases.ts';
import { runCases } from './weftd-suite.ts';

await runCases({ ...networkCases, ...endpointCases, ...restartCases, ...portCases });
