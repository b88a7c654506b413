import type { DoctorFinding } from '../../core/control.ts';
import { type Check, orOk } from './check.ts';
import { uplinksOf } from './uplink.ts';

const ID = 'mtu';

/** A network with a way out, and the MTU of its bridge: as asked for, or as the link has it. */
export interface MtuFacts {
  readonly label: string;
  readonly option?: number;
  readonly bridge?: number;
}

/** @param uplink the default-route device with the smallest MTU; undefined without a default route. */
export function judgeMtu(
  networks: readonly MtuFacts[],
  uplink: { readonly name: string; readonly mtu: number } | undefined,
): readonly DoctorFinding[] {
  if (uplink === undefined)
    return orOk([], ID, 'There is no default route whose MTU the networks could exceed');
  const findings = networks.flatMap(({ label, option, bridge }): readonly DoctorFinding[] => {
    const mtu = Math.max(option ?? 0, bridge ?? 0);
    if (mtu <= uplink.mtu) return [];
    return [
      {
        id: ID,
        level: 'warn',
        title: `Network ${label} has MTU ${mtu}, more than the ${uplink.mtu} of ${uplink.name}`,
        detail:
          'large packets get lost wherever ICMP "fragmentation needed" is filtered: connections hang after they are made',
        remedy: `Create the network again with -o com.docker.network.driver.mtu=${uplink.mtu}`,
      },
    ];
  });
  return orOk(findings, ID, `No network has a larger MTU than ${uplink.name} (${uplink.mtu})`);
}

export const mtu: Check = {
  id: ID,
  subject: 'MTUs',
  run: async (host) => {
    const [networks, links, uplinks] = await Promise.all([host.networks(), host.links(), uplinksOf(host)]);
    const facts = networks
      .filter(({ internal, bridge }) => !internal && bridge !== undefined)
      .map(({ label, mtu: option, bridge }): MtuFacts => {
        const link = links.find(({ name }) => name === bridge);
        return {
          label,
          ...(option === undefined ? {} : { option }),
          ...(link === undefined ? {} : { bridge: link.mtu }),
        };
      });
    return judgeMtu(facts, uplinks.toSorted((a, b) => a.mtu - b.mtu)[0]);
  },
};
