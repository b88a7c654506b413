import type { DoctorFinding } from '../../core/control.ts';
import { type Check, orOk } from './check.ts';
import type { DhcpFacts } from './host-view.ts';
import { count } from './wording.ts';

const ID = 'dhcp-leases';

/** @param now milliseconds since the epoch. */
export function judgeDhcpLeases(leases: readonly DhcpFacts[], now: number): readonly DoctorFinding[] {
  if (leases.length === 0) return [];
  const findings = leases.flatMap(({ device, mac, lease, lost }): readonly DoctorFinding[] => {
    if (lost !== undefined) {
      return [
        {
          id: ID,
          level: 'fail',
          title: `The container with MAC ${mac} has address ${lease.ip} without a DHCP lease`,
          detail: `since ${new Date(lost.since).toISOString()}: ${lost.reason}; the server may give it to somebody else`,
          remedy: `Look at the DHCP server on ${device}; weft goes on asking for ${lease.ip}. Start the container again for another address`,
        },
      ];
    }
    if (now < lease.rebindAt) return [];
    return [
      {
        id: ID,
        level: 'warn',
        title: `DHCP server ${lease.server} does not renew the lease of ${lease.ip}`,
        detail: `it ends at ${new Date(lease.expiresAt).toISOString()}`,
        remedy: `Look at the DHCP server on ${device}`,
      },
    ];
  });
  return orOk(findings, ID, 'Every address from a DHCP server is leased', count(leases.length, 'lease'));
}

export const dhcpLeases: Check = {
  id: ID,
  subject: 'the DHCP leases',
  run: async ({ parts }) => (parts.dhcp === undefined ? [] : judgeDhcpLeases(parts.dhcp, Date.now())),
};
