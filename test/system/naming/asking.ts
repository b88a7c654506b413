import type { Test } from 'tap';
import type { CommandResult, Container } from '../../lab/index.ts';
import { until } from '../../lab/index.ts';

/** Addresses of a name, both families. */
export interface Addresses {
  readonly v4: readonly string[];
  readonly v6: readonly string[];
}

/** Names follow on every host within this; the tests that measure it are others. */
const FOLLOW_MS = 10_000;

/** What dig prints of one question to the sandbox's resolver, a line each, sorted; one try. */
export async function dig(from: Container, ...question: readonly string[]): Promise<readonly string[]> {
  const argv = ['dig', '@127.0.0.11', '+short', '+tries=1', '+time=3', ...question];
  return lines((await from.tryNetExec(argv)).stdout);
}

/** Runs a program of the machine, so one of glibc's, in a container's network with its resolv.conf and hosts. */
export async function asInside(from: Container, argv: readonly string[]): Promise<CommandResult> {
  const { Pid } = (await from.inspect()).State;
  // Files of another mount namespace can be read and not bound.
  const files = ['resolv.conf', 'hosts'].map(
    (file) => `cp /proc/${Pid}/root/etc/${file} /media/ && mount --bind /media/${file} /etc/${file}`,
  );
  const script = ['mount --make-rprivate /', 'mount -t tmpfs tmpfs /media', ...files, 'exec "$@"'].join(
    ' && ',
  );
  return from.tryNetExec(['unshare', '-m', 'sh', '-c', script, 'sh', ...argv]);
}

/** What glibc's getaddrinfo gives, sorted. */
export async function glibc(from: Container, name: string): Promise<Addresses> {
  const script = `getent ahostsv4 "$1"; getent ahostsv6 "$1"`;
  const { stdout } = await asInside(from, ['sh', '-c', script, 'sh', name]);
  return byFamily(lines(stdout).map((line) => line.split(/\s+/)[0] ?? ''));
}

/** What a static program with a resolver of its own gives (busybox), sorted. */
export async function busybox(from: Container, name: string): Promise<Addresses> {
  const { Pid } = (await from.inspect()).State;
  const argv = ['nsenter', `--mount=/proc/${Pid}/ns/mnt`, '--', '/bin/busybox', 'nslookup', name];
  const { stdout } = await from.tryNetExec(argv);
  const begin = stdout.indexOf('Name:');
  const answer = begin < 0 ? '' : stdout.slice(begin);
  return byFamily([...answer.matchAll(/^Address(?: \d+)?:\s*(\S+)/gm)].map((match) => match[1] ?? ''));
}

/** Each once, sorted. glibc, asked for IPv6, maps what has IPv4 only: those are left out. */
function byFamily(ips: readonly string[]): Addresses {
  const all = [...new Set(ips)].filter((ip) => !ip.startsWith('::ffff:')).sort();
  return { v4: all.filter((ip) => !ip.includes(':')), v6: all.filter((ip) => ip.includes(':')) };
}

/** Asserts that every kind of client finds exactly these addresses, each family by itself. */
export async function resolves(t: Test, from: Container, name: string, expected: Addresses, who: string) {
  const wanted = { v4: [...expected.v4].sort(), v6: [...expected.v6].sort() };
  const what = `${name} for ${who}`;
  const isFound = async () => JSON.stringify(await byDig(from, name)) === JSON.stringify(wanted);
  await until(what, isFound, { timeoutMs: FOLLOW_MS }).catch(() => undefined);
  const ways = { dig: byDig, glibc: glibc, 'a static program': busybox };
  const found = Object.entries(ways).map(async ([way, ask]) => [way, await ask(from, name)] as const);
  for (const [way, addresses] of await Promise.all(found)) t.same(addresses, wanted, `${what}, by ${way}`);
}

/** Asserts that the name does not exist for this client, whoever is asked after weft (in the lab nobody answers). */
export async function unknown(t: Test, from: Container, name: string, who: string): Promise<void> {
  const { stdout } = await from.tryNetExec(['dig', '@127.0.0.11', '+tries=1', '+time=2', name, 'A']);
  t.notMatch(stdout, /status: NOERROR|^[^;].*\sIN\s+A\s/m, `${name} does not exist for ${who}`);
}

async function byDig(from: Container, name: string): Promise<Addresses> {
  return byFamily(await dig(from, name, 'A', name, 'AAAA'));
}

function lines(text: string): readonly string[] {
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith(';'))
    .sort();
}
