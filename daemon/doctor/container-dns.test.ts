import { expect, test } from 'vitest';
import { containerDns } from './container-dns.ts';
import type { HostView } from './host-view.ts';

const on = (driver: string, ...containers: readonly string[]) => ({
  driver,
  endpoints: containers.map((container) => ({ container, name: `name-${container}` })),
});

/** A host whose containers have these DNS servers, and carry `weft.service` if they are in the list. */
function host(dns: Readonly<Record<string, readonly string[]>>, labelled: readonly string[]): HostView {
  const engine = {
    container: async (id: string) => ({ dns: dns[id] ?? [] }),
    labelled: async () => labelled.map((id) => ({ id, name: `name-${id}`, networkMode: 'host' })),
  };
  const engineNetworks = async () => [on('weft-bridge', 'a', 'b'), on('bridge', 'c')];
  return { parts: { naming: {}, engine }, engineNetworks } as unknown as HostView;
}

test('containers of weft’s networks are looked at, and labels on others', async () => {
  expect(await containerDns.run(host({ c: ['192.0.2.1'] }, ['a']))).toEqual([]);
  const findings = await containerDns.run(host({ b: ['192.0.2.1', '192.0.2.2'] }, ['a', 'c']));
  expect(findings.map(({ level, detail }) => [level, detail])).toEqual([
    ['info', 'name-b (192.0.2.1, 192.0.2.2)'],
    ['info', 'name-c (host)'],
  ]);
});
