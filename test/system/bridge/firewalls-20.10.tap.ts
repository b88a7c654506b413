import { runSuite } from './run-suite.ts';
import { firewalls } from './suite-firewalls.ts';

await runSuite('20.10', firewalls('iptables-nft'));
await runSuite('20.10', firewalls('iptables-legacy'));
await runSuite('20.10', firewalls('iptables=false'));
