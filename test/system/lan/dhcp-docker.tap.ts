import { runLanSuite } from './run-suite.ts';
import { dhcp } from './suite-dhcp.ts';

/* Addresses of the LAN's DHCP server for containers of a real engine. */

await runLanSuite('28.5', dhcp);
