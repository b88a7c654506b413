import { type Bench, roundsOf } from './harness/bench.ts';
import { bootWeftHost } from './harness/weft-host.ts';
import { networksOn } from './macvlan.ts';
import { networkFigures } from './network-lifecycle.ts';

/** Networks on the LAN that are more than a record: by weft's driver and by Docker's own. */
export const macvlanVlans: Bench = {
  name: 'macvlan-vlans',
  title: 'macvlan: networks on a VLAN that is made and removed with them, beside Docker’s macvlan',
  needsKernel: 'VLANs',
  async run(options) {
    await using boot = await bootWeftHost(options.engine);
    const networks = networksOn({ weft: 'eth0.81', builtIn: 'eth0.82' });
    return await networkFigures(boot.host.docker, networks, roundsOf(options, 20, 4), 0.9);
  },
};
