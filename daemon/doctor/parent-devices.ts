import type { DoctorFinding } from '../../core/control.ts';
import { type Check, orOk } from './check.ts';

const ID = 'parent-device';

/** A network on a device of the host, and what is known of that device. */
export interface ParentFacts {
  readonly label: string;
  readonly parent: string;
  /** Bytes; undefined: there is no such link. */
  readonly parentMtu: number | undefined;
  /** Bytes, as asked for. */
  readonly mtu?: number;
}

export function judgeParents(networks: readonly ParentFacts[]): readonly DoctorFinding[] {
  if (networks.length === 0) return [];
  const findings = networks.flatMap(({ label, parent, parentMtu, mtu }): readonly DoctorFinding[] => {
    if (parentMtu === undefined) {
      return [
        {
          id: ID,
          level: 'fail',
          title: `Network ${label} has lost its parent device ${parent}`,
          detail: `there is no link ${parent}`,
          remedy: `Bring ${parent} back: weftd then gives the containers of the network their links again`,
        },
      ];
    }
    if (mtu === undefined || mtu <= parentMtu) return [];
    return [
      {
        id: ID,
        level: 'warn',
        title: `Network ${label} has MTU ${mtu}, more than the ${parentMtu} of its parent ${parent}`,
        remedy: `Create the network again with -o com.docker.network.driver.mtu=${parentMtu}`,
      },
    ];
  });
  return orOk(findings, ID, 'Every parent device is there');
}

export const parentDevices: Check = {
  id: ID,
  subject: 'parent devices',
  run: async (host) => {
    const [networks, links] = await Promise.all([host.networks(), host.links()]);
    return judgeParents(
      networks.flatMap(({ label, parent, mtu }) =>
        parent === undefined
          ? []
          : [
              {
                label,
                parent,
                parentMtu: links.find(({ name }) => name === parent)?.mtu,
                ...(mtu === undefined ? {} : { mtu }),
              },
            ],
      ),
    );
  },
};
