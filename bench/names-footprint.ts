import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import type { Ip } from '../core/address.ts';
import type { SandboxKey } from '../core/ids.ts';
import { aName } from '../test/support/listed-names.ts';
import { ResolverScene } from '../test/system/resolver/scene.ts';
import type { Bench } from './harness/bench.ts';
import { type Figure, single } from './harness/figure.ts';

/** Names that each sandbox sees. */
const NAMES = 1000;

/** What the resolver costs for many sandboxes. */
export const namesFootprint: Bench = {
  name: 'names-footprint',
  title: 'resolver: memory, descriptors and start with many sandboxes',
  async run(options) {
    const count = options.quick ? 100 : 1000;
    await using scene = new ResolverScene();
    for (let i = 0; i < NAMES; i++) {
      const ipv4 = `198.18.${i >> 8}.${i & 255}` as Ip;
      scene.naming.put(aName(`endpoint${i}`, [`name${i}`, `alias${i}`], { ipv4 }));
    }
    await using resolver = await scene.resolver();
    const first = await scene.serving(resolver, 0);
    const empty = usageOf(first);
    const ownBefore = usageOf(process.pid);
    options.progress(`making ${count} namespaces`);
    using namespaces = manyNamespaces(count);
    const began = performance.now();
    for (const key of namespaces.keys) scene.sandboxes.put(key, ['net-id']);
    for (const key of namespaces.keys) await resolver.ready(key, 60_000);
    const all = performance.now() - began;
    await scene.serving(resolver, count);
    const filled = usageOf(first);
    const own = usageOf(process.pid);
    options.progress('killing the process');
    const killed = performance.now();
    process.kill(first, 'SIGKILL');
    const second = await scene.serving(resolver, count, first);
    const again = performance.now() - killed;
    const each = (what: string, unit: Figure['unit'], difference: number): Figure => ({
      what: `${what}, each sandbox`,
      unit,
      weft: single(difference / count),
    });
    return [
      { what: `memory of the process, ${NAMES} names, no sandbox`, unit: 'MB', weft: single(empty.rssMb) },
      { what: `memory of the process, ${count} sandboxes`, unit: 'MB', weft: single(filled.rssMb) },
      { what: 'memory of the process after a restart', unit: 'MB', weft: single(usageOf(second).rssMb) },
      each('memory of the process', 'B', (filled.rssMb - empty.rssMb) * 1024 * 1024),
      each('descriptors of the process', 'fds', filled.descriptors - empty.descriptors),
      each('descriptors of weftd', 'fds', own.descriptors - ownBefore.descriptors),
      { what: `all ${count} sandboxes redirected`, unit: 'ms', weft: single(all) },
      { what: `killed until all ${count} are served again`, unit: 'ms', weft: single(again) },
    ];
  },
};

function usageOf(pid: number): { readonly rssMb: number; readonly descriptors: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const kilobytes = Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]);
  return { rssMb: kilobytes / 1024, descriptors: readdirSync(`/proc/${pid}/fd`).length };
}

function manyNamespaces(count: number): Disposable & { readonly keys: readonly SandboxKey[] } {
  const names = Array.from({ length: count }, (_, index) => `weft-bench-${process.pid}-${index}`);
  const each = (command: string): void => {
    const script = `while read -r name; do ${command}; done`;
    execFileSync('sh', ['-e', '-c', script], { input: names.map((name) => `${name}\n`).join('') });
  };
  each('ip netns add "$name"; ip -n "$name" link set lo up </dev/null');
  return {
    keys: names.map((name) => `/run/netns/${name}` as SandboxKey),
    [Symbol.dispose]: () => each('ip netns delete "$name"'),
  };
}
