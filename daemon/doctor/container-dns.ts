import { SERVICE_KEYS } from '../../balancer/index.ts';
import type { DoctorFinding } from '../../core/control.ts';
import type { Check } from './check.ts';
import type { HostView } from './host-view.ts';
import { listed } from './wording.ts';

const ID = 'container-dns';
/** Each is asked for by itself; on a host with more, those of the first are a hint enough. */
const MOST_CONTAINERS = 200;

/** How containers of this host differ from what names and services suppose. */
export interface ContainerDnsFacts {
  /** On a network of weft's, with servers of their own. */
  readonly ownServers: readonly { readonly name: string; readonly dns: readonly string[] }[];
  /** With a label `weft.service`, on no network of weft's. */
  readonly elsewhere: readonly { readonly name: string; readonly networkMode: string }[];
}

/** Neither is wrong, and both surprise; nothing to say where there are none. */
export function judgeContainerDns({ ownServers, elsewhere }: ContainerDnsFacts): readonly DoctorFinding[] {
  const asked = ownServers.map(({ name, dns }) => `${name} (${dns.join(', ')})`);
  const declared = elsewhere.map(({ name, networkMode }) => `${name} (${networkMode})`);
  return [
    ...(asked.length === 0
      ? []
      : [
          {
            id: ID,
            level: 'info' as const,
            title:
              'Containers with DNS servers of their own (--dns): these are asked for what weft does not know',
            detail: listed(asked),
          },
        ]),
    ...(declared.length === 0
      ? []
      : [
          {
            id: ID,
            level: 'info' as const,
            title: `Containers with ${SERVICE_KEYS.name} on no network of weft’s: the label means nothing there`,
            detail: listed(declared),
            remedy:
              'Put them on a weft network; a container with network_mode service:… or host has none itself',
          },
        ]),
  ];
}

async function gather({ parts, engineNetworks }: HostView): Promise<ContainerDnsFacts> {
  const { engine } = parts;
  const networks = (await engineNetworks()) ?? [];
  const onWeft = new Map(
    networks
      .filter(({ driver }) => driver.startsWith('weft-'))
      .flatMap(({ endpoints }) => endpoints.map(({ container, name }) => [container, name] as const)),
  );
  const ownServers: { name: string; dns: readonly string[] }[] = [];
  for (const [id, name] of [...onWeft].slice(0, MOST_CONTAINERS)) {
    const dns = (await engine?.container(id))?.dns ?? [];
    if (dns.length > 0) ownServers.push({ name, dns });
  }
  const labelled = (await engine?.labelled(SERVICE_KEYS.name)) ?? [];
  return { ownServers, elsewhere: labelled.filter(({ id }) => !onWeft.has(id)) };
}

export const containerDns: Check = {
  id: ID,
  subject: 'the DNS settings of containers',
  run: async (host) => (host.parts.naming === undefined ? [] : judgeContainerDns(await gather(host))),
};
