import type { NetworkSpec } from '../test/lab/index.ts';
import { type Bench, roundsOf } from './harness/bench.ts';
import { interleave } from './harness/interleave.ts';
import { spreadOf } from './harness/statistics.ts';
import { bootWeftHost } from './harness/weft-host.ts';
import { lifecycle, type NetworkStep } from './network-lifecycle.ts';

/** Each network has a VLAN of its own: its device comes and goes with it. */
const NETWORKS: Readonly<Record<'weft' | 'builtIn', NetworkSpec>> = {
  weft: {
    name: 'bench-weft',
    driver: 'weft-macvlan',
    ipamDriver: 'weft',
    options: { parent: 'eth0.81' },
    subnets: [{ subnet: '10.81.0.0/24', gateway: '10.81.0.1' }],
  },
  builtIn: {
    name: 'bench-builtin',
    driver: 'macvlan',
    options: { parent: 'eth0.82' },
    subnets: [{ subnet: '10.82.0.0/24', gateway: '10.82.0.1' }],
  },
};

/** Networks on the LAN that are more than a record: by weft's driver and by Docker's own. */
export const macvlanVlans: Bench = {
  name: 'macvlan-vlans',
  title: 'macvlan: networks on a VLAN that is made and removed with them, beside Docker’s macvlan',
  needsKernel: 'VLANs',
  async run(options) {
    await using boot = await bootWeftHost(options.engine);
    const { docker } = boot.host;
    const { weft, builtIn } = await interleave<keyof typeof NETWORKS, NetworkStep>(
      { weft: lifecycle(docker, NETWORKS.weft), builtIn: lifecycle(docker, NETWORKS.builtIn) },
      roundsOf(options, 20, 4),
      2,
    );
    return (['create', 'remove', 'both'] as const).map((step) => ({
      what: step === 'both' ? 'network create + remove' : `network   ${step}`,
      unit: 'ms',
      weft: spreadOf(weft[step]),
      other: spreadOf(builtIn[step]),
      ...(step === 'both' ? { target: { of: 'ratio', atMost: 0.9 } } : {}),
    }));
  },
};
