import { runCommand } from './command.ts';

type Json = Readonly<Record<string, unknown>>;

/**
 * Everything a network plugin could leave behind in a host, one text a thing, sorted; equal things are repeated.
 * @param enter arguments before a program that put it into the host's namespaces.
 */
export async function takeSnapshot(enter: readonly string[]): Promise<readonly string[]> {
  const read = (...argv: string[]) => runCommand([...enter, ...argv]);
  const [links, routes4, routes6, nft, files] = await Promise.all([
    read('ip', '-j', '-d', 'link'),
    read('ip', '-j', '-4', 'route', 'show', 'table', 'all'),
    read('ip', '-j', '-6', 'route', 'show', 'table', 'all'),
    read('nft', '-j', 'list', 'ruleset'),
    read('sh', '-c', `cat /proc/self/mountinfo; echo --; ${NAMES}; echo --; ${RESOLVERS}; true`),
  ]);
  const [mounts = '', names = '', resolvers = ''] = files.split('--\n');
  return [
    ...objects(links).map((link) => `link ${link['ifname']}`),
    ...objects(routes4).filter(isOwnRoute).map(routeText),
    ...objects(routes6).filter(isOwnRoute).map(routeText),
    ...nftThings(nft),
    ...lines(mounts).map((mount) => `mount ${mount.split(' ')[4]}`),
    ...processes(names, resolvers),
  ].sort();
}

/** Lines `PID/comm:NAME`, and `PID/cmdline` of processes that mention the resolver. */
const NAMES = 'cd /proc; grep -s . [0-9]*/comm';
const RESOLVERS = 'grep -sl discovery/main [0-9]*/cmdline';

/** Processes of weft's resolver are one thing: a second one stands by, and comes some time after the first. */
function processes(names: string, resolvers: string): readonly string[] {
  const resolving = new Set(lines(resolvers).map((path) => path.replace('/cmdline', '')));
  const all = lines(names).flatMap((line) => {
    const [, pid = '', name = ''] = /^(\d+)\/comm:(.*)$/.exec(line) ?? [];
    return LOOKING.has(name) ? [] : [{ pid, name }];
  });
  const ours = all.filter(({ pid }) => resolving.has(pid));
  return [
    ...all.filter(({ pid }) => !resolving.has(pid)).map(({ name }) => `process ${name}`),
    ...(ours.length === 0
      ? []
      : [`process of the resolver${ours.length > 2 ? `, ${ours.length} times` : ''}`]),
  ];
}

/** The texts of `now` that `before` does not have, or has fewer times. Both sorted; so is the result. */
export function differences(before: readonly string[], now: readonly string[]): readonly string[] {
  const left = new Map<string, number>();
  for (const text of before) left.set(text, (left.get(text) ?? 0) + 1);
  return now.filter((text) => {
    const count = left.get(text) ?? 0;
    left.set(text, count - 1);
    return count <= 0;
  });
}

/** The programs that take the snapshot. */
const LOOKING = new Set(['ip', 'nft', 'sh', 'cat', 'grep', 'nsenter']);

function lines(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}

function objects(json: string): Json[] {
  return (JSON.parse(json || '[]') as Json[]).filter((one) => Object.keys(one).length > 0);
}

/** Not what the kernel makes for every address by itself. */
function isOwnRoute(route: Json): boolean {
  return (
    route['table'] !== 'local' &&
    !['local', 'broadcast', 'multicast', 'anycast'].includes(String(route['type']))
  );
}

function routeText(route: Json): string {
  const parts = [route['dst'], route['gateway'] && `via ${route['gateway']}`, `dev ${route['dev']}`];
  return `route ${parts.filter(Boolean).join(' ')}`;
}

function nftThings(json: string): string[] {
  const { nftables } = JSON.parse(json) as { nftables: readonly Readonly<Record<string, Json>>[] };
  return nftables.flatMap((entry) => {
    const [kind, thing] = Object.entries(entry)[0] ?? ['', {}];
    const owner = `${thing['family']} ${thing['table'] ?? thing['name']}`;
    switch (kind) {
      case 'metainfo':
        return [];
      case 'table':
        return [`nft table ${owner}`];
      case 'rule':
        return [`nft rule ${owner} ${thing['chain']} ${plain(thing['expr'])}`];
      case 'set':
      case 'map': {
        const elements = Array.isArray(thing['elem']) ? thing['elem'] : [];
        const name = `${owner} ${thing['name']}`;
        return [`nft ${kind} ${name}`, ...elements.map((element) => `nft element ${name} ${plain(element)}`)];
      }
      default:
        return [`nft ${kind} ${owner} ${thing['name']}`];
    }
  });
}

/** JSON without what traffic and time change. */
function plain(value: unknown): string {
  return JSON.stringify(value, (key, inner: unknown) =>
    ['packets', 'bytes', 'handle', 'expires'].includes(key) ? undefined : inner,
  );
}
