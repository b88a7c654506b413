import { runSuite } from './run-suite.ts';
import { firewalls } from './suite-firewalls.ts';

await runSuite('26.1', firewalls('iptables-nft'));
await runSuite('26.1', firewalls('iptables-legacy'));
await runSuite('26.1', firewalls('iptables=false'));
