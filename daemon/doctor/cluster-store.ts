import type { DoctorFinding } from '../../core/control.ts';
import type { SharedStatus } from '../../core/ports.ts';
import type { Check } from './check.ts';

const ID = 'cluster-store';

/** @param url where etcd is, as weftd was told; undefined: the embedded store, which needs no way. */
export function judgeClusterStore(status: SharedStatus, url: string | undefined): readonly DoctorFinding[] {
  if (url === undefined) return [];
  const endpoints = url.replace(/\/\/[^@]*@/, '//');
  if (status.connected) return [{ id: ID, level: 'ok', title: `etcd answers (${endpoints})` }];
  const seconds = Math.round(status.ageMs / 1000);
  return [
    {
      id: ID,
      level: 'fail',
      title: `etcd has not answered for ${seconds} s: what other hosts do is not heard, and no network can be made`,
      detail: `${endpoints}${status.lastError === undefined ? '' : `: ${status.lastError}`}`,
      remedy:
        'Look at the members of etcd, and at the way there: etcdctl --endpoints … endpoint health. Running containers, ' +
        'and new ones on networks that exist, go on meanwhile',
    },
  ];
}

export const clusterStore: Check = {
  id: ID,
  subject: 'the store of the cluster',
  run: async ({ parts: { hosts, config } }) =>
    hosts === undefined ? [] : judgeClusterStore(hosts.status(), config.storeUrl),
};
