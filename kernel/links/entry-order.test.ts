import { describe, expect, test } from 'vitest';
import type { Ip } from '../../core/address.ts';
import type { IfName, Mac } from '../../core/ids.ts';
import { type KernelObject, keyOf } from '../../core/kernel-objects.ts';
import type { Step } from '../../core/ports.ts';
import { inOrder } from './entry-order.ts';

const dev = 'wx-x' as IfName;
const mac = '02:00:00:00:00:09' as Mac;
const at = (destination: string, of: Mac = mac): KernelObject => ({
  kind: 'fdb',
  dev,
  mac: of,
  destination: destination as Ip,
});
const onPort = (port: string): KernelObject => ({ kind: 'fdb', dev: port as IfName, mac });
const neighbour = (of: string): KernelObject => ({
  kind: 'neighbour',
  dev,
  ip: '10.0.0.9' as Ip,
  mac: of as Mac,
});
const route: KernelObject = { kind: 'route', dev, destination: '10.1.0.0/24' as never };
const add = (object: KernelObject): Step => ({ op: 'create', object });
const remove = (object: KernelObject): Step => ({ op: 'delete', object });

const inWords = (steps: readonly Step[]): readonly string[] =>
  inOrder(steps).map((step) => {
    const text = `${step.op} ${keyOf(step.object)}`;
    return step.op === 'replace' ? `${text} was ${keyOf(step.was)}` : text;
  });

const [a, b] = [at('192.0.2.1'), at('192.0.2.2')];

describe('an entry that a call deletes and makes elsewhere', () => {
  const moved = [
    'create route wx-x 10.1.0.0/24',
    `replace fdb wx-x ${mac} 192.0.2.2 was fdb wx-x ${mac} 192.0.2.1`,
    `delete fdb wx-x ${mac} 192.0.2.1`,
  ];

  test.each([
    ['first deleted', [remove(a), add(route), add(b)]],
    ['first made', [add(route), add(b), remove(a)]],
  ])('is replaced, and what is left deleted last: %s', (_order, steps) => {
    expect(inWords(steps)).toEqual(moved);
  });

  test('is replaced only, where the kernel knows both by one key', () => {
    const [old, now] = [neighbour('02:00:00:00:00:01'), neighbour('02:00:00:00:00:02')];
    for (const steps of [
      [remove(old), add(now)],
      [add(now), remove(old)],
    ]) {
      expect(inOrder(steps)).toEqual([{ op: 'replace', object: now, was: old }]);
    }
  });
});

test('a MAC that moves to another port of the bridge does so at once', () => {
  expect(inWords([remove(onPort('wx-x')), add(onPort('wv-x'))])).toEqual([
    `replace fdb wv-x ${mac}  was fdb wx-x ${mac} `,
    `delete fdb wx-x ${mac} `,
  ]);
});

describe('steps stay as they are', () => {
  const zero = '00:00:00:00:00:00' as Mac;
  test.each<[string, readonly Step[]]>([
    ['creations alone', [add(a), add(neighbour(mac)), add(route)]],
    ['deletions alone', [remove(a), remove(neighbour(mac))]],
    ['a flood list, which has many', [remove(at('192.0.2.1', zero)), add(at('192.0.2.2', zero))]],
    ['other kinds', [remove(route), add(route)]],
    ['another MAC', [remove(a), add(at('192.0.2.1', '02:00:00:00:00:0a' as Mac))]],
  ])('%s', (_what, steps) => {
    expect(inOrder(steps)).toEqual(steps);
  });
});
