import type { IfName } from '../../core/ids.ts';
import { readSysctls } from '../../kernel/index.ts';

/**
 * Of bridges that need route_localnet, those without it. The kernel tells nobody when that changes
 * (net/ipv4/devinet.c: devinet_conf_proc()), so it has to be looked at.
 */
export async function withoutLocalnet(bridges: Iterable<IfName>): Promise<readonly IfName[]> {
  const names = new Map([...bridges].map((name) => [`net/ipv4/conf/${name}/route_localnet`, name]));
  const values = await readSysctls(names.keys());
  return [...names].flatMap(([path, name]) => (values.get(path) === '0' ? [name] : []));
}
