import type { HostLink, HostRoute } from '../../core/ports.ts';
import type { HostView } from './host-view.ts';

/** The devices of the default routes that exist, in the order of the routes. */
function defaultDevices(routes: readonly HostRoute[], links: readonly HostLink[]): readonly HostLink[] {
  const names = new Set(
    routes.flatMap(({ destination, dev }) => (/\/0$/.test(destination) && dev !== undefined ? [dev] : [])),
  );
  return [...names].flatMap((name) => links.find((link) => link.name === name) ?? []);
}

export async function uplinksOf(host: HostView): Promise<readonly HostLink[]> {
  const [routes, links] = await Promise.all([host.routes(), host.links()]);
  return defaultDevices(routes, links);
}
