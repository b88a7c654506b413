import type { DoctorFinding } from '../../core/control.ts';
import { Unavailable } from '../../core/errors.ts';
import { readSysctls } from '../../kernel/index.ts';
import { type Check, orOk } from './check.ts';

const ID = 'conntrack-table';
const COUNT = 'net/netfilter/nf_conntrack_count';
const MAX = 'net/netfilter/nf_conntrack_max';
const FULL_ENOUGH = 0.8;

/** @param max 0: no limit. */
export function judgeConntrackTable(entries: number, max: number): readonly DoctorFinding[] {
  const detail = `${entries} of ${max === 0 ? 'unlimited' : max} entries`;
  if (max === 0 || entries <= max * FULL_ENOUGH) return orOk([], ID, 'The conntrack table has room', detail);
  const full = entries >= max;
  return [
    {
      id: ID,
      level: full ? 'fail' : 'warn',
      title: full
        ? 'The conntrack table is full: new connections are dropped'
        : 'The conntrack table is over 80 % full',
      detail,
      remedy: `sysctl -w net.netfilter.nf_conntrack_max=${max * 2}, and set it so in /etc/sysctl.d/`,
    },
  ];
}

export const conntrackTable: Check = {
  id: ID,
  subject: 'the size of the conntrack table',
  run: async () => {
    const values = await readSysctls([COUNT, MAX]);
    const entries = values.get(COUNT);
    const max = values.get(MAX);
    if (entries === undefined || max === undefined) throw new Unavailable('nf_conntrack is not loaded');
    return judgeConntrackTable(Number(entries), Number(max));
  },
};
