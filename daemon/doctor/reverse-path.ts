import type { DoctorFinding } from '../../core/control.ts';
import { readSysctls } from '../../kernel/index.ts';
import { type Check, orOk } from './check.ts';
import { uplinksOf } from './uplink.ts';
import { listed } from './wording.ts';

const ID = 'rp-filter';
const STRICT = '1';
const ALL = 'net/ipv4/conf/all/rp_filter';

/**
 * The kernel uses the greater of `all` and the device's own value: 0 off, 1 strict, 2 loose (ip-sysctl.rst).
 * @param devices values by device name, of default-route devices and weft bridges.
 */
export function judgeReversePath(
  all: string | undefined,
  devices: readonly (readonly [device: string, value: string | undefined])[],
): readonly DoctorFinding[] {
  const strict = devices.filter(
    ([, value]) => String(Math.max(Number(all ?? 0), Number(value ?? 0))) === STRICT,
  );
  if (strict.length === 0) return orOk([], ID, 'Reverse path filtering is off or loose');
  return [
    {
      id: ID,
      level: 'info',
      title: 'Reverse path filtering is strict',
      detail: `on ${listed(strict.map(([device]) => device))}; with more than one uplink, answers that take another way than the request are dropped`,
      remedy: 'Nothing with one uplink; else sysctl -w net.ipv4.conf.all.rp_filter=2',
    },
  ];
}

export const reversePath: Check = {
  id: ID,
  subject: 'reverse path filtering',
  run: async (host) => {
    const uplinks = await uplinksOf(host);
    const devices = [...uplinks.map(({ name }) => name), ...host.parts.ownBridges()];
    const pathOf = (device: string): string => `net/ipv4/conf/${device}/rp_filter`;
    const values = await readSysctls([ALL, ...devices.map(pathOf)]);
    return judgeReversePath(
      values.get(ALL),
      devices.map((device) => [device, values.get(pathOf(device))]),
    );
  },
};
