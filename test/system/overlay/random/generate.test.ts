import { expect, test } from 'vitest';
import { nextSteps } from './generate.ts';
import {
  type Addresses,
  advance,
  emptyModel,
  isUsable,
  type Model,
  type Outcome,
  type Step,
} from './model.ts';

const HOSTS = ['h1', 'h2', 'h3'];

/** A cluster in which all is granted, with addresses that are made up. */
function grant(step: Step, number: number): Outcome {
  if (!('container' in step)) return { kind: 'done' };
  const networks = ['net0', 'net1', 'net2', 'net3', 'net4'];
  return {
    kind: 'done',
    addresses: Object.fromEntries(networks.map((name) => [name, madeUp(number)])),
  };
}

function madeUp(number: number): Addresses {
  return {
    ip: `10.0.${number >> 8}.${number & 255}`,
    ip6: '',
    mac: `02:00:00:00:${number >> 8}:${number & 255}`,
  };
}

function walked(seed: number, count: number, see: (step: Step, before: Model) => void = () => undefined) {
  let model = emptyModel(HOSTS, 3);
  const steps: Step[] = [];
  while (steps.length < count) {
    const group = nextSteps(model, seed, steps.length);
    const before = model;
    for (const step of group) {
      see(step, before);
      steps.push(step);
      model = advance(model, step, grant(step, steps.length));
    }
  }
  return { steps, model };
}

test('a seed gives the same steps again, another seed others', () => {
  expect(walked(7, 500)).toEqual(walked(7, 500));
  expect(walked(7, 500)).not.toEqual(walked(8, 500));
});

test('every kind of step comes', () => {
  const kinds = new Set(walked(1, 3000).steps.map(({ kind }) => kind));
  expect([...kinds].toSorted()).toEqual(
    [
      ...['create network', 'remove network', 'leave network', 'rejoin network'],
      ...['run', 'start', 'stop', 'kill', 'remove', 'move', 'connect', 'disconnect'],
      ...['kill weftd', 'start weftd', 'restart weftd', 'kill dockerd', 'start dockerd', 'reboot'],
      ...['cut from etcd', 'cut off', 'heal', 'wipe entries', 'delete tunnels'],
      ...['kill etcd', 'start etcd', 'compact etcd', 'wait'],
    ].toSorted(),
  );
});

test('nothing is asked of a container whose host has no dockerd or no weftd, nor of one that there is not', () => {
  walked(2, 3000, (step, before) => {
    if (!('container' in step)) return;
    if (step.kind === 'run') {
      expect(before.containers[step.container]).toBeUndefined();
      expect(isUsable(before, step.host)).toBe(true);
      return;
    }
    expect(isUsable(before, before.containers[step.container]?.host ?? '')).toBe(true);
  });
});

test('networks are removed only when no container has anything to do with them', () => {
  walked(3, 3000, (step, before) => {
    if (step.kind !== 'remove network') return;
    for (const { networks } of Object.values(before.containers))
      expect(networks[step.network]).toBeUndefined();
  });
});

test('a refusal changes nothing but the names to come', () => {
  const { model } = walked(4, 200);
  const step = { kind: 'run', host: 'h1', container: 'new', network: 'net0' } as const;
  const after = advance(model, step, { kind: 'refused', message: 'no' });
  expect(after).toEqual({ ...model, made: model.made + 1 });
});

test('what stops has no addresses and keeps what it asks for', () => {
  const { model } = walked(5, 400);
  const running = Object.values(model.containers).find(({ running }) => running);
  const name = running?.name ?? '';
  const after = advance(model, { kind: 'stop', container: name }, { kind: 'done' }).containers[name];
  expect(after?.running).toBe(false);
  for (const [network, attachment] of Object.entries(after?.networks ?? {})) {
    expect(attachment.addresses).toBeUndefined();
    expect(attachment.fixed).toBe(running?.networks[network]?.fixed);
  }
});
