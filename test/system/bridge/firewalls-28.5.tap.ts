import { runSuite } from './run-suite.ts';
import { firewalls } from './suite-firewalls.ts';

await runSuite('28.5', firewalls('iptables-nft'));
await runSuite('28.5', firewalls('iptables-legacy'));
await runSuite('28.5', firewalls('iptables=false'));
