import type { DoctorFinding } from '../../core/control.ts';
import { type Check, orOk } from './check.ts';
import type { PoolUse } from './host-view.ts';
import { count } from './wording.ts';

const ID = 'address-pools';
const NEARLY_FULL = 0.9;

export function judgePools(pools: readonly PoolUse[]): readonly DoctorFinding[] {
  const findings = pools.flatMap((pool): readonly DoctorFinding[] => {
    const taken = pool.used + pool.resting + pool.conflicts;
    const others = pool.conflicts === 0 ? '' : `, ${pool.conflicts} in use by others on the LAN`;
    const detail = `${pool.used} used, ${pool.resting} resting after release${others}, of ${pool.usable}`;
    const remedy = 'Remove containers, or create a network with a larger --subnet and move them there';
    if (taken >= pool.usable) {
      const title = `Address pool ${pool.id} is full: no container can join`;
      return [{ id: ID, level: 'fail', title, detail, remedy }];
    }
    if (taken > pool.usable * NEARLY_FULL) {
      return [{ id: ID, level: 'warn', title: `Address pool ${pool.id} is over 90 % full`, detail, remedy }];
    }
    return [];
  });
  return orOk(findings, ID, 'Every address pool has room', count(pools.length, 'pool'));
}

export const pools: Check = {
  id: ID,
  subject: 'the address pools',
  run: async ({ parts }) => (parts.ipam === undefined ? [] : judgePools(parts.ipam)),
};
