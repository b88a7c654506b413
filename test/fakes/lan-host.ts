import type { HostFacts } from '../../core/driver.ts';

/** A host with a device `eth0`, a VLAN of it, links on `eth1` and `eth2`, and a bridge with the port `eth3`. */
export const LAN_HOST: HostFacts = {
  foreignLinks: new Map([
    ['lo', { type: '', mtu: 65_536 }],
    ['eth0', { type: '', mtu: 1500 }],
    ['eth0.7', { type: 'vlan', mtu: 1500, parent: 'eth0' }],
    ['eth1', { type: '', mtu: 1500 }],
    ['m1', { type: 'macvtap', mtu: 1500, parent: 'eth1' }],
    ['eth2', { type: '', mtu: 1500 }],
    ['i2', { type: 'ipvlan', mtu: 1500, parent: 'eth2' }],
    ['br0', { type: 'bridge', mtu: 1500 }],
    ['eth3', { type: '', mtu: 1500, master: 'br0' }],
  ]),
};
