import type { DoctorFinding } from '../../core/control.ts';
import { readSysctls } from '../../kernel/index.ts';
import { type Check, orOk } from './check.ts';

const ID = 'ip-forward';
const IPV4 = 'net/ipv4/ip_forward';
const IPV6 = 'net/ipv6/conf/all/forwarding';

/** Values are undefined where the kernel has no such sysctl, which for IPv6 means that it is switched off. */
export interface ForwardingFacts {
  readonly ipv4: string | undefined;
  readonly ipv6: string | undefined;
  /** Some weft network has an IPv6 subnet. */
  readonly usesIpv6: boolean;
}

export function judgeForwarding({ ipv4, ipv6, usesIpv6 }: ForwardingFacts): readonly DoctorFinding[] {
  const findings: DoctorFinding[] = [];
  const off = (name: string, key: string): DoctorFinding => ({
    id: ID,
    level: 'fail',
    title: `${name} forwarding is off: containers reach nothing beyond their bridge`,
    detail: `${key} is 0; weft turns it on when it starts, so something else has turned it off`,
    remedy: `sysctl -w ${key}=1, and set it so in /etc/sysctl.d/`,
  });
  if (ipv4 !== '1') findings.push(off('IPv4', 'net.ipv4.ip_forward'));
  if (ipv6 === '0') findings.push(off('IPv6', 'net.ipv6.conf.all.forwarding'));
  if (ipv6 === undefined && usesIpv6) {
    findings.push({
      id: ID,
      level: 'fail',
      title: 'The kernel has no IPv6, and some networks have an IPv6 subnet',
      remedy: 'Start the kernel without ipv6.disable=1, or create these networks again without --ipv6',
    });
  }
  const families = ipv6 === undefined ? 'IPv4 (the kernel has no IPv6)' : 'IPv4 and IPv6';
  return orOk(findings, ID, `Forwarding is on for ${families}`);
}

export const forwarding: Check = {
  id: ID,
  subject: 'IP forwarding',
  run: async (host) => {
    const [values, networks] = await Promise.all([readSysctls([IPV4, IPV6]), host.networks()]);
    return judgeForwarding({
      ipv4: values.get(IPV4),
      ipv6: values.get(IPV6),
      usesIpv6: networks.some(({ ipv6 }) => ipv6),
    });
  },
};
