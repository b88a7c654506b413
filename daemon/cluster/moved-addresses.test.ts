import { beforeEach, expect, test } from 'vitest';
import type { Ip } from '../../core/address.ts';
import type { IfName, Mac } from '../../core/ids.ts';
import type { Step } from '../../core/ports.ts';
import { FakeKernel } from '../../test/fakes/fake-kernel.ts';
import { MovedAddresses } from './moved-addresses.ts';

const WB = 'wb-one' as IfName;
const OTHER = 'wb-two' as IfName;
const IP = '10.80.0.7' as Ip;
const [A, B] = ['02:00:00:00:00:0a', '02:00:00:00:00:0b'] as Mac[] as [Mac, Mac];

let kernel: FakeKernel;
let moved: MovedAddresses;
beforeEach(() => {
  kernel = new FakeKernel();
  moved = new MovedAddresses(kernel);
});

function step(op: Step['op'], mac: Mac, dev = WB): Step {
  const object = { kind: 'neighbour', dev, ip: IP, mac } as const;
  return op === 'replace' ? { op, object, was: object } : { op, object };
}

const heard = () => kernel.announced.map(({ dev, ip, mac }) => `${dev} ${ip} ${mac}`);

test('a new address is not announced', async () => {
  await moved.heed([step('create', A)]);
  expect(heard()).toEqual([]);
});

test('one that changes its MAC is', async () => {
  await moved.heed([step('create', A), step('replace', B)]);
  expect(heard()).toEqual([`${WB} ${IP} ${B}`]);
});

test('one that comes back is when its MAC differs, once, on its own bridge', async () => {
  await moved.heed([step('delete', A), step('create', A)]);
  expect(heard()).toEqual([]);
  await moved.heed([step('delete', A)]);
  await moved.heed([step('create', B, OTHER)]);
  expect(heard()).toEqual([]);
  await moved.heed([step('create', B)]);
  await moved.heed([step('create', B)]);
  expect(heard()).toEqual([`${WB} ${IP} ${B}`]);
});

test('one that a container of this host had counts as well', async () => {
  moved.left(WB, IP, A);
  await moved.heed([step('create', B)]);
  expect(heard()).toEqual([`${WB} ${IP} ${B}`]);
});

test('many addresses that nobody has are not kept for ever', async () => {
  moved.left(WB, IP, A);
  for (let i = 0; i < 5000; i++) moved.left(OTHER, `10.81.${i >> 8}.${i & 255}` as Ip, A);
  await moved.heed([step('create', B)]);
  expect(heard()).toEqual([]);
});

test('what a comparison finds new is announced, unless that is nearly everything', async () => {
  await moved.heedRepairs([step('create', A)]);
  expect(heard()).toEqual([`${WB} ${IP} ${A}`]);
  kernel.announced.length = 0;
  await moved.heedRepairs(Array.from({ length: 1001 }, () => step('create', A)));
  expect(heard()).toEqual([]);
});
