import type { DoctorFinding } from '../../core/control.ts';
import { readSysctls } from '../../kernel/index.ts';
import { type Check, orOk } from './check.ts';

const ID = 'bridge-netfilter';
const PATHS = ['net/bridge/bridge-nf-call-iptables', 'net/bridge/bridge-nf-call-ip6tables'] as const;

/** @param values of bridge-nf-call-iptables and -ip6tables; undefined: the module br_netfilter is not loaded. */
export function judgeBridgeNetfilter(
  values: readonly (readonly [path: string, value: string | undefined])[],
): readonly DoctorFinding[] {
  const on = values.filter(([, value]) => value === '1').map(([path]) => path.replaceAll('/', '.'));
  if (on.length === 0) return orOk([], ID, 'Frames within a bridge do not pass iptables');
  return [
    {
      id: ID,
      level: 'info',
      title: 'Frames within a bridge pass iptables, too',
      detail: `${on.join(' and ')} = 1: rules of others can stop containers of one network from reaching each other`,
      remedy: `Leave it if Docker (inter-container communication off) or Kubernetes needs it; else sysctl -w ${on.map((key) => `${key}=0`).join(' ')}`,
    },
  ];
}

export const bridgeNetfilter: Check = {
  id: ID,
  subject: 'bridge netfilter',
  run: async () => {
    const values = await readSysctls(PATHS);
    return judgeBridgeNetfilter(PATHS.map((path) => [path, values.get(path)]));
  },
};
