import t from 'tap';
import { dieEverywhere } from '../faults/die-everywhere.ts';

/** Those in which a LAN is another matter than a bridge. */
const CALLS: ReadonlySet<string> = new Set([
  'CreateNetwork',
  'RequestAddress',
  'CreateEndpoint',
  'Join',
  'Leave',
  'DeleteEndpoint',
  'DeleteNetwork',
]);

t.setTimeout(800_000);

t.test('weftd may die at any point of the calls for a network on a LAN', (t) =>
  dieEverywhere(t, {
    kind: {
      driver: 'weft-macvlan',
      link: 'wl',
      options: { parent: 'lan0', 'weft.host_access': 'true' },
    },
    // A LAN without anybody else on it, and without what the kernel joins by itself when an address is a second old.
    prepare: ({ host }) => {
      host.namespace.run(`
        ip link add lan0 type veth peer name lan1
        ip link set lan0 addrgenmode none up
        ip link set lan1 addrgenmode none up`);
    },
    calls: CALLS,
    atLeast: 35,
  }),
);
