import type { ClusterNetworkView, DoctorFinding } from '../../core/control.ts';
import { type Check, orOk } from './check.ts';

const ID = 'cluster-networks';

/** The cluster's networks and this host. */
export interface ClusterNetworkFacts {
  /** Overlay networks that this host's dockerd has. */
  readonly here: readonly (Pick<ClusterNetworkView, 'state' | 'reason'> & { readonly label: string })[];
  /** Networks of the cluster that this host could not make. */
  readonly refused: readonly { readonly name: string; readonly reason: string }[];
}

export function judgeClusterNetworks({ here, refused }: ClusterNetworkFacts): readonly DoctorFinding[] {
  if (here.length === 0 && refused.length === 0) return [];
  const findings = here.flatMap(({ label, state, reason }): readonly DoctorFinding[] => {
    if (state === 'bound') return [];
    if (state === 'waiting') {
      return [
        {
          id: ID,
          level: 'warn',
          title: `Network ${label} waits to become one of the cluster: no container can join it`,
          remedy: 'It needs its name, from Docker or -o weft.network=NAME, and a store that answers',
        },
      ];
    }
    return [
      {
        id: ID,
        level: 'fail',
        title: `The cluster refuses network ${label}: no container can join it`,
        ...(reason === undefined ? {} : { detail: reason }),
        remedy: `docker network rm ${label}, then create it as the cluster has it or under another name`,
      },
    ];
  });
  const missing = refused.map(
    ({ name, reason }): DoctorFinding => ({
      id: ID,
      level: 'fail',
      title: `Network ${name} of the cluster could not be made on this host`,
      detail: reason,
      remedy: 'Remove what is in the way; it is tried again every few seconds',
    }),
  );
  return orOk([...findings, ...missing], ID, 'This host has the networks of the cluster as they are defined');
}

export const clusterNetworks: Check = {
  id: ID,
  subject: 'the networks of the cluster',
  run: async (host) => {
    const { hosts } = host.parts;
    if (hosts === undefined) return [];
    const names = new Map((await host.networks()).map(({ id, label }) => [id, label]));
    const here = hosts
      .networks()
      .map(({ id, ...more }) => ({ label: names.get(id) ?? id.slice(0, 12), ...more }));
    return judgeClusterNetworks({ here, refused: hosts.refused() });
  },
};
