import './own-host.ts';
import { ipamAddressCases } from './ipam-address-cases.ts';
import { ipamDurabilityCases } from './ipam-durability-cases.ts';
import { ipamPoolCases } from './ipam-pool-cases.ts';
import { runCases } from './weftd-suite.ts';

await runCases({ ...ipamPoolCases, ...ipamAddressCases, ...ipamDurabilityCases });
