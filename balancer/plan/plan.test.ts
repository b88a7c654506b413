import { describe, expect, test } from 'vitest';
import type { Ip } from '../../core/address.ts';
import { keyOf } from '../../core/kernel-objects.ts';
import type { Backend, Service } from '../../core/service.ts';
import { aBackend } from '../../test/fakes/builders.ts';
import { describeTable } from '../../test/support/describe-table.ts';
import { picksOf, planService, planVips, timeoutsOf, vipTable } from './index.ts';

function service(change: Partial<Service> = {}): Service {
  return { network: 'net', name: 'web', ports: [], vip4: '10.0.0.100' as Ip, ...change };
}

/** The elements as lines, without what all have in common. */
function lines(asked: Service, backends: readonly Backend[]): readonly string[] {
  return planService(asked, backends, 'bytes').map(({ family, set, key, data }) => {
    const text = `${set} ${key.join(' . ')}${data ? ` : ${data.join(' . ')}` : ''}`;
    return family === 'ip' ? text : `6 ${text}`;
  });
}

const PORTS = [
  { protocol: 'tcp', port: 80, target: 8080 },
  { protocol: 'udp', port: 53, target: 53 },
] as const;

describe('the elements of a service', () => {
  test('for a whole address', () => {
    expect(lines(service(), [aBackend(2), aBackend(1)])).toEqual([
      'vips 10.0.0.100',
      'connections 10.0.0.100 . 10.0.0.1',
      'traffic 10.0.0.100 . 10.0.0.1',
      'connections 10.0.0.100 . 10.0.0.2',
      'traffic 10.0.0.100 . 10.0.0.2',
      'ring 10.0.0.100 . 0 : 10.0.0.1',
      'ring 10.0.0.100 . 1 : 10.0.0.2',
      'addresses 10.0.0.100 : 2',
    ]);
  });

  test('for ports, mapped and not', () => {
    expect(lines(service({ ports: PORTS }), [aBackend(1)]).slice(3)).toEqual([
      'ring 10.0.0.100 . 0 : 10.0.0.1',
      'echoes 10.0.0.100 : 1',
      'services tcp . 10.0.0.100 . 80 : 4097',
      'targets tcp . 10.0.0.100 . 80 : 8080',
      'services udp . 10.0.0.100 . 53 : 1',
    ]);
  });

  test('with a timeout: known clients are told each port', () => {
    const asked = service({ ports: PORTS, affinity: { timeoutSeconds: 60 } });
    expect(lines(asked, [aBackend(1), aBackend(2, { state: 'draining' })])).toEqual([
      'vips 10.0.0.100',
      'connections 10.0.0.100 . 10.0.0.1',
      'traffic 10.0.0.100 . 10.0.0.1',
      'connections 10.0.0.100 . 10.0.0.2',
      'traffic 10.0.0.100 . 10.0.0.2',
      'known 10.0.0.100 : jump remembered-port',
      'remembering 10.0.0.100 : jump remember-60s',
      'ring 10.0.0.100 . 0 : 10.0.0.1',
      'echoes 10.0.0.100 : 1',
      'services tcp . 10.0.0.100 . 80 : 4097',
      'targets tcp . 10.0.0.100 . 80 : 8080',
      'services udp . 10.0.0.100 . 53 : 1',
      'targets udp . 10.0.0.100 . 53 : 53',
    ]);
  });

  test('by source: a ring of 256', () => {
    const plan = lines(service({ affinity: {} }), [aBackend(1), aBackend(2)]);
    expect(plan.filter((line) => line.startsWith('ring '))).toHaveLength(256);
    expect(plan.at(-1)).toBe('addresses 10.0.0.100 : 2048');
  });

  test.each([
    ['starting', { state: 'starting' }],
    ['draining', { state: 'draining' }],
    ['failing', { state: 'failing' }],
    ['of weight 0', { weight: 0 }],
    ['without an address of the family', { ipv4: undefined, ipv6: 'fd00::1' as Ip }],
  ] as const)('of a backend that is %s lead nowhere', (_, change) => {
    const { ipv4, ...rest } = { ...aBackend(1), ...change };
    const only = ipv4 === undefined ? rest : { ...rest, ipv4 };
    const plan = lines(service({ ports: PORTS }), [only]);
    expect(plan.filter((line) => !/^(connections|traffic) /.test(line))).toEqual(['vips 10.0.0.100']);
  });

  test('in both families, each with the backends that have an address in it', () => {
    const both = service({ vip6: 'fd00::100' as Ip });
    const plan = lines(both, [aBackend(1, { ipv6: 'fd00::1' as Ip }), aBackend(2)]);
    expect(plan).toContain('addresses 10.0.0.100 : 2');
    expect(plan).toContain('6 ring fd00::100 . 0 : fd00::1');
    expect(plan).toContain('6 addresses fd00::100 : 1');
  });

  test('name no object twice, though an address belongs to two endpoints for a while', () => {
    const plan = planService(
      service(),
      [aBackend(1, { state: 'draining' }), aBackend(3), { ...aBackend(2), ipv4: '10.0.0.1' as Ip }],
      'connections',
    );
    expect(new Set(plan.map(keyOf)).size).toBe(plan.length);
    expect(plan.filter(({ set }) => set === 'ring').map(({ data }) => data?.[0])).toEqual([
      '10.0.0.1',
      '10.0.0.3',
    ]);
  });
});

describe('the plan of a namespace', () => {
  const host = { place: 'sandbox', counted: 'connections' } as const;

  test('has a table for each family that has a VIP', () => {
    const six = service({ name: 'six', vip6: 'fd00::1' as Ip });
    expect(planVips([], host).tables).toEqual([]);
    expect(planVips([{ service: service(), backends: [] }], host).tables.map(({ family }) => family)).toEqual(
      ['ip'],
    );
    expect(planVips([{ service: six, backends: [] }], host).tables.map(({ family }) => family)).toEqual([
      'ip',
      'ip6',
    ]);
  });

  test('has the same table whatever services and backends there are', () => {
    const many = Array.from({ length: 50 }, (_, n) => ({
      service: service({ name: `s${n}`, vip4: `10.0.1.${n}` as Ip, ports: n % 2 ? PORTS : [] }),
      backends: Array.from({ length: n }, (_, i) => aBackend(i + 1, { weight: n })),
    }));
    expect(planVips(many, host).tables).toEqual(
      planVips([{ service: service(), backends: [] }], host).tables,
    );
  });

  test('leads only to chains and sets that its table has', () => {
    const asked = [1, 2, 3, 17, 40].flatMap((n) =>
      [{}, { affinity: {} }, { affinity: { timeoutSeconds: 9 } }, { ports: PORTS }].map((change) => ({
        service: service(change),
        backends: Array.from({ length: n }, (_, i) => aBackend(i + 1, { weight: 1 + i * 3 })),
      })),
    );
    const { tables, elements } = planVips(asked, host);
    const picks = picksOf(elements);
    expect(new Set(picks).size).toBeGreaterThan(5);
    const sets = new Set(tables.flatMap((table) => table.sets.map(({ name }) => name)));
    const chains = new Set(tables.flatMap((table) => table.chains.map(({ name }) => name)));
    for (const { set, data } of elements) {
      expect(sets).toContain(set);
      const [, chain] = /^jump (.*)/.exec(data?.[0] ?? '') ?? [];
      if (chain !== undefined) expect(chains).toContain(chain);
    }
    for (const pick of picks) expect(chains).toContain(pick);
  });

  test('has chains for each timeout once', () => {
    const timeouts = [60, 5, 60, undefined].map((timeoutSeconds) =>
      service(timeoutSeconds === undefined ? {} : { affinity: { timeoutSeconds } }),
    );
    expect(timeoutsOf(timeouts)).toEqual([5, 60]);
  });
});

describe('the table', () => {
  test.each([4, 6] as const)('of family %i, with everything in it', async (family) => {
    const picks = new Set(['plain-2', 'plain-source', 'mapped-3']);
    const table = vipTable({ family, place: 'host', timeouts: [60], counted: 'bytes', picks });
    for (const { rules } of table.chains) {
      expect(new Set(rules.map(({ comment }) => comment)).size).toBe(rules.length);
    }
    const golden = `../../test/golden/vip-table-ipv${family}.nft`;
    await expect(describeTable(table)).toMatchFileSnapshot(golden);
  });

  test('in a sandbox that counts nothing looks at nothing but what goes out', () => {
    const { chains } = vipTable({ family: 4, place: 'sandbox', timeouts: [], counted: 'nothing' });
    expect(chains.filter(({ base }) => base !== undefined).map(({ name }) => name)).toEqual([
      'output',
      'lost-output',
    ]);
  });
});
