/** Address safety on a LAN that containers share with others: who has an address is asked before it is given. */
export { type AddressConflictFound, LanProbe } from './lan-probe.ts';
export { openLan } from './open-lan.ts';
