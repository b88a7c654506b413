import { expect, test } from 'vitest';
import { doubles, unexpected } from './expectation.ts';
import { emptyModel, type Model, type Outcome, type Step } from './model.ts';

const NETWORK = {
  name: 'net0',
  base4: '10.128.1',
  prefix4: 24,
  multicast: false,
  internal: false,
  left: [],
} as const;

function running(name: string, host: string, last: number) {
  const addresses = { ip: `10.128.1.${last}`, ip6: '', mac: `02:00:00:00:00:${last}` };
  return { name, host, running: true, networks: { net0: { addresses } } };
}

const MODEL: Model = {
  ...emptyModel(['h1', 'h2'], 3),
  networks: { net0: NETWORK },
  containers: { one: running('one', 'h1', 17), two: running('two', 'h2', 40) },
};
const RUN: Step = { kind: 'run', host: 'h2', container: 'new', network: 'net0', fixed: 17 };
const LONG_AGO = 1_000_000;

function judged(step: Step, message: string, sinceFault: number, meanwhile: readonly Step[] = []) {
  const outcome: Outcome = { kind: 'refused', message };
  return unexpected({ step, outcome }, meanwhile, MODEL, MODEL, sinceFault);
}

test('an address that somebody has is refused', () => {
  expect(judged(RUN, 'address 10.128.1.17 of network net0 is in use by one', LONG_AGO)).toBeUndefined();
});

test('an address that nobody has is not', () => {
  expect(judged({ ...RUN, fixed: 100 }, 'address 10.128.1.100 is in use', LONG_AGO)).toMatch('refused');
});

test('two may not get what both ask for', () => {
  const step = { ...RUN, fixed: 100 } as const;
  const other = { ...step, container: 'other', host: 'h1' } as const;
  expect(judged(step, 'address 10.128.1.100 is in use', LONG_AGO, [other])).toBeUndefined();
});

test('the store may be missed only while something is broken', () => {
  const message = 'address 10.128.1.100 is in no block, and the cluster store does not answer';
  expect(judged({ ...RUN, fixed: 100 }, message, 0)).toBeUndefined();
  expect(judged({ ...RUN, fixed: 100 }, message, LONG_AGO)).toMatch('refused');
});

test('nothing excuses what was never heard of, nor a container that cannot be stopped', () => {
  expect(judged(RUN, 'internal error', 0)).toMatch('refused');
  expect(judged({ kind: 'stop', container: 'one' }, 'the store does not answer', 0)).toMatch('refused');
});

test('a host with addresses of its own gives one without the store', () => {
  const alone = {
    ...MODEL,
    hosts: { ...MODEL.hosts, h2: { weftd: true, dockerd: true, cut: 'store' as const } },
  };
  const step: Step = { kind: 'run', host: 'h2', container: 'new', network: 'net0' };
  const outcome: Outcome = { kind: 'refused', message: 'no address block, and the store does not answer' };
  expect(unexpected({ step, outcome }, [], alone, alone, 0)).toMatch('though its host gives addresses');
});

test('one address for two is found', () => {
  expect(doubles(MODEL)).toEqual([]);
  const twice = { ...MODEL, containers: { ...MODEL.containers, new: running('new', 'h2', 17) } };
  expect(doubles(twice)).toHaveLength(2);
});
