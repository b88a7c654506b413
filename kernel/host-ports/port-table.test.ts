import fc from 'fast-check';
import { expect, test } from 'vitest';
import { familyOf, type Ip } from '../../core/address.ts';
import type { PortBinding } from '../../core/ports.ts';
import { formatBinding, isUnspecified, PortTable } from './port-table.ts';

const bind = (protocol: PortBinding['protocol'], ip: string, port: number): PortBinding => ({
  protocol,
  ip: ip as Ip,
  port,
});

test.each([
  ['the same binding', bind('tcp', '192.0.2.1', 80), true],
  ['the wildcard of its family', bind('tcp', '0.0.0.0', 80), true],
  ['another address', bind('tcp', '192.0.2.2', 80), false],
  ['another port', bind('tcp', '192.0.2.1', 81), false],
  ['another protocol', bind('udp', '192.0.2.1', 80), false],
  ['the wildcard of the other family', bind('tcp', '::', 80), false],
])('192.0.2.1:80/tcp and %s', (_, other, collides) => {
  const one = bind('tcp', '192.0.2.1', 80);
  for (const [held, asked] of [
    [one, other],
    [other, one],
  ] as const) {
    const table = new PortTable();
    table.add(held);
    expect(table.conflict(asked)).toEqual(collides ? held : undefined);
    table.delete(held);
    expect(table.conflict(asked)).toBeUndefined();
  }
});

test('agrees with a list that is searched', () => {
  const binding = fc.record({
    protocol: fc.constantFrom('tcp' as const, 'udp' as const),
    ip: fc.constantFrom('0.0.0.0', '192.0.2.1', '192.0.2.2', '::', 'fd00::1').map((ip) => ip as Ip),
    port: fc.constantFrom(1, 2),
  });
  const collide = (a: PortBinding, b: PortBinding) =>
    a.protocol === b.protocol &&
    a.port === b.port &&
    familyOf(a.ip) === familyOf(b.ip) &&
    (a.ip === b.ip || isUnspecified(a.ip) || isUnspecified(b.ip));
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), binding), { maxLength: 60 }), (steps) => {
      const table = new PortTable();
      let held: PortBinding[] = [];
      for (const [add, asked] of steps) {
        const blockers = held.filter((other) => collide(other, asked));
        const conflict = table.conflict(asked);
        if (blockers.length === 0) expect(conflict).toBeUndefined();
        else expect(blockers).toContain(conflict);
        if (add && blockers.length === 0) {
          table.add(asked);
          held.push(asked);
        } else if (!add) {
          table.delete(asked);
          held = held.filter((other) => formatBinding(other) !== formatBinding(asked));
        }
      }
    }),
  );
});

test('bindings read as addresses do', () => {
  expect(formatBinding(bind('tcp', '192.0.2.1', 80))).toBe('192.0.2.1:80/tcp');
  expect(formatBinding(bind('udp', '::', 53))).toBe('[::]:53/udp');
});
