import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { anEndpoint, aService, ip } from '../fixtures/records.ts';
import { NameTable, type TableAnswer } from './name-table.ts';

const NETS = ['net-id'];

function show(answer: TableAnswer): string | string[] {
  if (answer === 'unknown') return answer;
  return answer.map((each) => {
    if (each.type === 'SRV') return `SRV ${each.port} ${each.target}`;
    return `${each.type} ${each.type === 'PTR' ? each.target : each.ip}`;
  });
}

function ask(table: NameTable, name: string, type = 'A', networks = NETS): string | string[] {
  return show(table.lookup(networks, { name, type }));
}

describe('names', () => {
  const table = new NameTable();
  table.putEndpoint(
    anEndpoint('1', ['app-web-1', 'web', 'a.b'], { ipv4: ip('10.0.0.2'), ipv6: ip('fd00::2') }),
  );
  table.putEndpoint(anEndpoint('2', ['db'], { network: 'other', networkName: 'back', ipv4: ip('10.1.0.2') }));

  test.each(['web', 'WEB', 'web.', 'app-web-1', 'a.b', 'web.net', 'Web.NET.', 'a.b.net', 'web.net-id'])(
    '%s is answered with its address',
    (name) => {
      expect(ask(table, name)).toEqual(['A 10.0.0.2']);
      expect(ask(table, name, 'AAAA')).toEqual(['AAAA fd00::2']);
    },
  );

  test.each(['api', 'web.back', 'x.web', 'web.net.net', '', 'net', 'db', 'tasks', 'tasks.api'])(
    '%s is unknown',
    (name) => {
      expect(ask(table, name)).toBe('unknown');
    },
  );

  test('a name without a record of the type exists all the same', () => {
    expect(ask(table, 'web', 'MX')).toEqual([]);
    expect(ask(table, 'web.net', 'HTTPS')).toEqual([]);
    expect(ask(table, 'db', 'AAAA', ['other'])).toEqual([]);
    expect(ask(table, 'tasks.web', 'TXT')).toEqual([]);
  });

  test('only networks of the sandbox are looked at, in its order', () => {
    const both = new NameTable();
    both.putEndpoint(anEndpoint('1', ['x'], { ipv4: ip('10.0.0.2') }));
    both.putEndpoint(
      anEndpoint('2', ['x'], { network: 'o', networkName: 'o', ipv4: ip('10.1.0.2'), ipv6: ip('fd01::2') }),
    );
    expect(ask(both, 'x', 'A', [])).toBe('unknown');
    expect(ask(both, 'x', 'A', ['net-id', 'o'])).toEqual(['A 10.0.0.2']);
    expect(ask(both, 'x', 'A', ['o', 'net-id'])).toEqual(['A 10.1.0.2']);
    expect(ask(both, 'x.net', 'A', ['o', 'net-id'])).toEqual(['A 10.0.0.2']);
    expect(ask(both, 'x', 'AAAA', ['net-id', 'o'])).toEqual(['AAAA fd01::2']);
  });

  test('names that DNS cannot carry are left out and harm nothing', () => {
    const odd = new NameTable();
    odd.putEndpoint(anEndpoint('1', ['x'.repeat(64), 'a..b', '', 'ok'], { ipv4: ip('10.0.0.2') }));
    expect(ask(odd, 'x'.repeat(64))).toBe('unknown');
    expect(ask(odd, 'a..b')).toBe('unknown');
    expect(ask(odd, 'ok')).toEqual(['A 10.0.0.2']);
    expect(ask(odd, '2.0.0.10.in-addr.arpa', 'PTR')).toEqual(['PTR ok.net']);
  });

  test('answers carry 5 seconds, or what the network says', () => {
    const timed = new NameTable();
    timed.putEndpoint(anEndpoint('1', ['x'], { ipv4: ip('10.0.0.2') }));
    const ttl = (): unknown =>
      timed.lookup(NETS, { name: 'x', type: 'A' }) as unknown as readonly { readonly ttl: number }[];
    expect(ttl()).toMatchObject([{ ttl: 5 }]);
    timed.setTtl('net-id', 60);
    expect(ttl()).toMatchObject([{ ttl: 60 }]);
    timed.setTtl('net-id', undefined);
    expect(ttl()).toMatchObject([{ ttl: 5 }]);
  });
});

describe('addresses', () => {
  test('an address gives the container name and the network; the last holder has it', () => {
    const table = new NameTable();
    table.putEndpoint(anEndpoint('1', ['old'], { ipv4: ip('10.0.0.2'), ipv6: ip('fd00::2') }));
    expect(ask(table, '2.0.0.10.IN-ADDR.ARPA.', 'PTR')).toEqual(['PTR old.net']);
    expect(ask(table, `2${'.0'.repeat(27)}.0.0.d.f.ip6.arpa`, 'PTR')).toEqual(['PTR old.net']);
    expect(ask(table, '2.0.0.10.in-addr.arpa', 'A')).toEqual([]);
    table.putEndpoint(anEndpoint('2', ['new'], { ipv4: ip('10.0.0.2') }));
    table.dropEndpoint(anEndpoint('1', []).endpoint);
    expect(ask(table, '2.0.0.10.in-addr.arpa', 'PTR')).toEqual(['PTR new.net']);
    expect(ask(table, '2.0.0.10.in-addr.arpa', 'PTR', ['other'])).toBe('unknown');
  });
});

describe('services', () => {
  const port = { protocol: 'tcp', port: 80, target: 8080, name: 'http' } as const;
  const backend = (id: string, ready: boolean, address: string) =>
    anEndpoint(id, [`c${id}`, 'web'], { ready, ipv4: ip(address), service: { name: 'web', ports: [port] } });

  test('the name gives the virtual address alone, tasks gives the backends that are ready', () => {
    const table = new NameTable();
    table.putService(aService('web', { vip4: ip('10.0.0.100'), ports: [port] }));
    expect(ask(table, 'tasks.web')).toEqual([]);
    table.putEndpoint(backend('1', false, '10.0.0.1'));
    table.putEndpoint(backend('2', false, '10.0.0.2'));
    expect(ask(table, 'web')).toEqual(['A 10.0.0.100']);
    expect(ask(table, 'web', 'AAAA')).toEqual([]);
    expect(ask(table, 'tasks.web')).toHaveLength(2);
    table.putEndpoint(backend('2', true, '10.0.0.2'));
    expect(ask(table, 'TASKS.web.net')).toEqual(['A 10.0.0.2']);
    expect(ask(table, '100.0.0.10.in-addr.arpa', 'PTR')).toEqual(['PTR web']);
  });

  test('without an address its name gives the backends', () => {
    const table = new NameTable();
    table.putEndpoint(backend('1', true, '10.0.0.1'));
    expect(ask(table, 'web')).toEqual(['A 10.0.0.1']);
    table.putService(aService('web', { ports: [port] }));
    expect(ask(table, 'web')).toEqual(['A 10.0.0.1']);
    table.dropService('net-id', 'web');
    table.dropEndpoint(anEndpoint('1', []).endpoint);
    expect(ask(table, 'web')).toBe('unknown');
  });

  test('tasks of a name that is no service gives its endpoints', () => {
    const table = new NameTable();
    table.putEndpoint(anEndpoint('1', ['x'], { ipv4: ip('10.0.0.1'), ready: false }));
    expect(ask(table, 'tasks.x')).toEqual(['A 10.0.0.1']);
  });

  test('SRV answers by number and by name, at the virtual address and for each backend', () => {
    const table = new NameTable();
    table.putService(aService('web', { vip4: ip('10.0.0.100'), ports: [port] }));
    table.putEndpoint(backend('1', true, '10.0.0.1'));
    expect(ask(table, '_http._tcp.web', 'SRV')).toEqual(['SRV 80 web']);
    expect(ask(table, '_80._TCP.Web.Net.', 'SRV')).toEqual(['SRV 80 web.net']);
    expect(ask(table, '_http._tcp.tasks.web.net', 'SRV')).toEqual(['SRV 8080 c1.net']);
    expect(ask(table, '_81._tcp.web', 'SRV')).toEqual([]);
    expect(ask(table, '_80._udp.web', 'SRV')).toEqual([]);
    expect(ask(table, '_80._tcp.web', 'A')).toEqual([]);
    expect(ask(table, '_80._tcp.api', 'SRV')).toBe('unknown');
    expect(ask(table, '_80.web', 'SRV')).toBe('unknown');
  });
});

describe('order', () => {
  test('each address comes first equally often, also when A and AAAA are asked in pairs', () => {
    const table = new NameTable();
    for (const id of [1, 2, 3, 4])
      table.putEndpoint(anEndpoint(String(id), ['x'], { ipv4: ip(`10.0.0.${id}`), ipv6: ip(`fd00::${id}`) }));
    const first = (type: string): string => ask(table, 'x', type)[0] ?? '';
    const pairs = Array.from({ length: 40 }, () => [first('A'), first('AAAA')]);
    for (const side of [0, 1]) {
      const counts = Object.values(Object.groupBy(pairs, (pair) => pair[side] ?? '')).map((g) => g?.length);
      expect(counts).toEqual([10, 10, 10, 10]);
    }
  });
});

const records = fc.record({
  id: fc.integer({ min: 0, max: 7 }),
  drop: fc.boolean(),
  network: fc.constantFrom('n1', 'n2'),
  names: fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'a.n1'), { maxLength: 3 }),
  host: fc.integer({ min: 1, max: 9 }),
});

test('any sequence of changes ends in the answers that the records left give', () => {
  fc.assert(
    fc.property(fc.array(records, { maxLength: 40 }), (changes) => {
      const table = new NameTable();
      const left = new Map<string, ReturnType<typeof anEndpoint>>();
      for (const { id, drop, network, names, host } of changes) {
        const ipv4 = ip(`10.0.0.${host}`);
        const record = anEndpoint(String(id), names, { network, networkName: network, ipv4 });
        left.delete(record.endpoint);
        if (!drop) left.set(record.endpoint, record);
        if (drop) table.dropEndpoint(record.endpoint);
        else table.putEndpoint(record);
      }
      expect(table.size.endpoints).toBe(left.size);
      for (const network of ['n1', 'n2']) {
        for (const name of ['a', 'b', 'c', 'a.n1']) {
          const has = (each: string) =>
            [...left.values()].filter((r) => r.network === network && r.names.includes(each));
          const plain = has(name);
          const holders = plain.length === 0 && name === 'a.n1' && network === 'n1' ? has('a') : plain;
          const wanted = holders.map(({ ipv4 }) => `A ${ipv4}`).sort();
          const got = ask(table, name, 'A', [network]);
          expect(got === 'unknown' ? [] : [...got].sort()).toEqual(wanted);
          if (wanted.length === 0) expect(got).toBe('unknown');
        }
      }
    }),
  );
});

test('what an answer costs does not depend on how many names there are', () => {
  const cost = (count: number): number => {
    const table = new NameTable();
    for (let i = 0; i < count; i++)
      table.putEndpoint(
        anEndpoint(`e${i}`, [`c${i}`], { ipv4: ip(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`) }),
      );
    const started = performance.now();
    for (let i = 0; i < 20_000; i++) table.lookup(NETS, { name: `c${i % count}.net`, type: 'A' });
    return performance.now() - started;
  };
  cost(100);
  const [few, many] = [cost(10), cost(50_000)];
  expect(many / few).toBeLessThan(50);
});
