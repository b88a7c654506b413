import type { DoctorFinding } from '../../core/control.ts';
import type { IfName } from '../../core/ids.ts';
import type { Network } from '../../core/model.ts';
import { DERIVED_NAME, linkName } from '../../core/names.ts';
import type { HostLink } from '../../core/ports.ts';
import { drivers } from '../../drivers/index.ts';
import { type Check, orOk } from './check.ts';
import type { HostView } from './host-view.ts';
import { listed } from './wording.ts';

const ID = 'stray-links';

/** Links that look like weft's and are not `owned`. */
export function findStrays(links: readonly HostLink[], owned: ReadonlySet<string>): readonly HostLink[] {
  return links.filter(
    ({ name, alias }) => (DERIVED_NAME.test(name) || alias?.startsWith('weft:') === true) && !owned.has(name),
  );
}

export function judgeStrays(strays: readonly HostLink[]): readonly DoctorFinding[] {
  if (strays.length === 0)
    return orOk([], ID, "Every link that is weft's belongs to a network or an endpoint");
  const names = strays.map(({ name }) => name);
  const shown = strays.map(({ name, alias }) => (alias === undefined ? name : `${name} (${alias})`));
  return [
    {
      id: ID,
      level: 'warn',
      title: `Links that look like weft's and belong to nothing: ${names.length}`,
      detail: listed(shown),
      remedy: `weftd deletes them at its next comparison; if they stay: ${names
        .slice(0, 5)
        .map((name) => `ip link delete ${name}`)
        .join('; ')}`,
    },
  ];
}

export const strayLinks: Check = {
  id: ID,
  subject: "links that might be weft's",
  run: async ({ parts }) => {
    // Owners of before and after the look count: networks and endpoints come and go while it lasts.
    const before = ownedLinks(parts);
    const strays = findStrays(await parts.kernel.links(), before.union(ownedLinks(parts)));
    if (strays.length === 0) return judgeStrays([]);
    await parts.kernel.discarded(strays.map(({ name }) => name as IfName));
    return judgeStrays(findStrays(await parts.kernel.links(), before.union(ownedLinks(parts))));
  },
};

function ownedLinks({ repository, ownBridges }: HostView['parts']): Set<string> {
  const owned = new Set<string>(ownBridges());
  for (const network of repository.networks()) {
    const { driver, request } = network;
    owned.add(linkName('wb', request.id)).add(linkName('wx', request.id));
    for (const name of linksOf(network)) owned.add(name);
    for (const endpoint of repository.endpointsOf(request.id)) {
      const { id } = endpoint.request;
      owned.add(linkName('wv', id)).add(linkName('wc', id));
      for (const name of drivers.get(driver)?.endpointLinks(endpoint) ?? []) owned.add(name);
    }
  }
  return owned;
}

function linksOf(network: Network): readonly string[] {
  const plan = drivers.get(network.driver)?.planNetwork(network) ?? [];
  return plan.flatMap((object) => (object.kind === 'link' ? [object.name] : []));
}
