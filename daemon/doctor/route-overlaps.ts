import { type Cidr, cidrsOverlap } from '../../core/address.ts';
import type { DoctorFinding } from '../../core/control.ts';
import type { HostRoute } from '../../core/ports.ts';
import { type Check, orOk } from './check.ts';
import { count } from './wording.ts';

const ID = 'subnet-routes';
/** Docker's own bridges; overlaps with them are found by Docker's names, in another check. */
const DOCKER_BRIDGE = /^(docker0|docker_gwbridge|br-[0-9a-f]{12})$/;

/** @param foreign routes on devices that are not weft's. */
export function judgeRouteOverlaps(
  networks: readonly { readonly label: string; readonly subnets: readonly Cidr[] }[],
  foreign: readonly HostRoute[],
): readonly DoctorFinding[] {
  const narrow = foreign.filter(({ destination }) => !destination.endsWith('/0'));
  const findings = networks.flatMap(({ label, subnets }) =>
    subnets.flatMap((subnet) =>
      narrow
        .filter(({ destination }) => cidrsOverlap(destination, subnet))
        .map(
          ({ destination, dev }): DoctorFinding => ({
            id: ID,
            level: 'warn',
            title: `Subnet ${subnet} of network ${label} overlaps route ${destination} of this host`,
            detail: `the route is on ${dev ?? 'several devices'}: one of the two does not reach all of its addresses`,
            remedy: 'Create the network again with a --subnet that is free',
          }),
        ),
    ),
  );
  return orOk(
    findings,
    ID,
    'No subnet overlaps a route of this host',
    `${count(networks.length, 'network')}, ${count(narrow.length, 'route')} of others`,
  );
}

export const routeOverlaps: Check = {
  id: ID,
  subject: 'overlaps with routes of this host',
  run: async (host) => {
    const [networks, routes] = await Promise.all([host.networks(), host.routes()]);
    const own = host.parts.ownBridges();
    const asksDocker = host.parts.engine !== undefined;
    const foreign = routes.filter(
      ({ dev }) => dev === undefined || !(own.has(dev) || (asksDocker && DOCKER_BRIDGE.test(dev))),
    );
    // Without a bridge the subnet is that of the parent device, whose route is no mistake.
    return judgeRouteOverlaps(
      networks.filter(({ bridge }) => bridge !== undefined),
      foreign,
    );
  },
};
