import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { diff } from './diff.ts';
import type { IfName, Mac } from './ids.ts';
import { hostState, type KernelObject, keyOf, type ObjectKey } from './kernel-objects.ts';
import type { Step } from './ports.ts';

const dev = fc.constantFrom('wb-a', 'wb-b', 'wb-c').map((name) => name as IfName);
const anyObject: fc.Arbitrary<KernelObject> = fc.oneof(
  fc
    .record({ name: dev, mtu: fc.constantFrom(1400, 1500), alias: fc.constantFrom('weft:x', 'weft:y') })
    .map((each): KernelObject => ({ kind: 'link', type: 'bridge', ...each })),
  fc.record({ dev, prefix: fc.constantFrom(24, 25) }).map(
    (each): KernelObject => ({
      kind: 'address',
      dev: each.dev,
      address: { ip: '10.0.0.1' as never, prefix: each.prefix },
    }),
  ),
  fc.record({ key: fc.constantFrom('80', '81'), port: fc.constantFrom('1', '2') }).map(
    (each): KernelObject => ({
      kind: 'element',
      family: 'ip',
      table: 'weft',
      set: 'ports',
      key: [each.key],
      data: [each.port],
    }),
  ),
  fc
    .constantFrom('0', '1')
    .map((value): KernelObject => ({ kind: 'sysctl', path: 'net/ipv4/ip_forward', value })),
);

function applied(actual: Map<ObjectKey, KernelObject>, steps: readonly Step[]): Map<ObjectKey, KernelObject> {
  const state = new Map(actual);
  for (const { op, object } of steps) {
    if (op === 'delete') state.delete(keyOf(object));
    else state.set(keyOf(object), object);
  }
  return state;
}

describe('diff', () => {
  test('leads from any state to any other, and then finds nothing more', () => {
    fc.assert(
      fc.property(fc.array(anyObject), fc.array(anyObject), (wanted, found) => {
        const desired = hostState(wanted);
        const after = applied(hostState(found), diff(desired, hostState(found)));
        expect(diff(desired, after)).toEqual([]);
        expect([...after.keys()].sort()).toEqual([...desired.keys()].sort());
      }),
    );
  });

  test('adds before it deletes, links before what is on them, and deletes the other way round', () => {
    const bridge = (name: string): KernelObject => ({
      kind: 'link',
      type: 'bridge',
      name: name as IfName,
      alias: 'weft:x',
    });
    const address = (name: string): KernelObject => ({
      kind: 'address',
      dev: name as IfName,
      address: { ip: '10.0.0.1' as never, prefix: 24 },
    });
    const steps = diff(
      hostState([address('new'), bridge('new')]),
      hostState([bridge('old'), address('old')]),
    );
    expect(steps.map(({ op, object }) => `${op} ${object.kind}`)).toEqual([
      'create link',
      'create address',
      'delete address',
      'delete link',
    ]);
  });

  test('accepts any value of a field that is left open', () => {
    const wanted: KernelObject = { kind: 'link', type: 'bridge', name: 'b' as IfName, alias: 'weft:x' };
    const found: KernelObject = {
      ...wanted,
      mtu: 9000,
      mac: '02:00:00:00:00:01' as Mac,
      routeLocalnet: true,
    };
    expect(diff(hostState([wanted]), hostState([found]))).toEqual([]);
  });

  test('leaves an adopted bridge as its owner made it, but brings it up', () => {
    const wanted: KernelObject = {
      kind: 'link',
      type: 'bridge',
      name: 'b' as IfName,
      alias: 'weft:x',
      adopted: true,
      mtu: 1400,
    };
    const found: KernelObject = { kind: 'link', type: 'bridge', name: 'b' as IfName, alias: '', mtu: 1500 };
    expect(diff(hostState([wanted]), hostState([found]))).toEqual([]);
    expect(diff(hostState([wanted]), hostState([{ ...found, down: true }]))).toHaveLength(1);
  });

  test('replaces another kind of link that stands in the way', () => {
    const wanted: KernelObject = { kind: 'link', type: 'bridge', name: 'b' as IfName, alias: 'weft:x' };
    const found: KernelObject = { kind: 'link', type: 'foreign', name: 'b' as IfName, found: 'veth' };
    expect(diff(hostState([wanted]), hostState([found])).map(({ op }) => op)).toEqual(['replace']);
  });
});
