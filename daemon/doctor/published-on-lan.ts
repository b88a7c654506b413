import type { DoctorFinding } from '../../core/control.ts';
import { type Check, orOk } from './check.ts';

const ID = 'published-on-lan';

/** A network whose containers are machines of a LAN. */
export interface LanPublishing {
  readonly label: string;
  /** Endpoints of containers that were started with published ports. */
  readonly publishing: number;
}

/** Published ports that mean nothing, because the container has an address of the LAN: as with Docker's own macvlan. */
export function judgePublishing(networks: readonly LanPublishing[]): readonly DoctorFinding[] {
  if (networks.length === 0) return [];
  const findings = networks
    .filter(({ publishing }) => publishing > 0)
    .map(
      ({ label, publishing }): DoctorFinding => ({
        id: ID,
        level: 'info',
        title: `Published ports mean nothing on network ${label}: ${publishing} of its containers have some`,
        detail: 'their containers are machines of the LAN, and all of their ports are open there',
        remedy:
          "Connect to the container's own address, or publish the ports on a weft-bridge network as well",
      }),
    );
  return orOk(findings, ID, 'No container on a LAN has published ports');
}

export const publishedOnLan: Check = {
  id: ID,
  subject: 'published ports on a LAN',
  run: async (host) => {
    const { repository } = host.parts;
    const networks = (await host.networks()).filter(({ driver }) => /^weft-(mac|ip)vlan$/.test(driver));
    const mappings = new Map<string, number>();
    for (const { request, attachment } of repository.endpoints()) {
      if ((attachment?.mappings.length ?? 0) === 0) continue;
      mappings.set(request.networkId, (mappings.get(request.networkId) ?? 0) + 1);
    }
    return judgePublishing(networks.map(({ id, label }) => ({ label, publishing: mappings.get(id) ?? 0 })));
  },
};
