import { describe, expect, test } from 'vitest';
import type { Ip } from '../../core/address.ts';
import { keyOf } from '../../core/kernel-objects.ts';
import type { ServiceRecord } from '../../core/naming.ts';
import type { Backend, Service } from '../../core/service.ts';
import { aBackend } from '../../test/fakes/builders.ts';
import { GivenServices } from '../../test/support/given-services.ts';
import { Deltas } from './delta.ts';
import { repairsOf } from './drift.ts';
import { midway } from './midway.ts';
import { ServiceBook } from './planned-service.ts';
import { staleFlows } from './stale-flows.ts';
import { NOTHING, StateMaker, type VipState } from './vip-state.ts';

function service(n: number, more: Partial<ServiceRecord> = {}): Service & Pick<ServiceRecord, 'select'> {
  return { network: 'net', name: `s${n}`, ports: [], vip4: `10.0.0.${100 + n}` as Ip, ...more };
}

function backends(...numbers: readonly number[]): readonly Backend[] {
  return numbers.map((n) => aBackend(n));
}

/** One namespace's states as services change. */
function scene() {
  const naming = new GivenServices();
  const book = new ServiceBook(naming, 'connections');
  const states = new StateMaker('connections');
  let state: VipState = NOTHING;
  naming.subscribe((changes) => {
    for (const change of changes) if (change.kind === 'service') book.renew(change.network, change.name);
  });
  const next = (...networks: readonly string[]) => {
    const asked = networks.length === 0 ? ['net'] : networks;
    state = states.after(
      state,
      'sandbox',
      asked.flatMap((network) => [...book.of(network).values()]),
    );
    return state;
  };
  return { naming, book, next };
}

const deltas = new Deltas();

/** What a way consists of, in words. */
async function way(from: VipState, to: VipState): Promise<readonly string[]> {
  return (await deltas.between(from, to)).laid.steps.slice(1, -1);
}

describe('the state of a namespace', () => {
  test('is the same object until something is different', () => {
    const { naming, next } = scene();
    expect(next()).toBe(NOTHING);
    naming.set(service(1), backends(1, 2));
    const first = next();
    expect(next()).toBe(first);
    naming.set(service(1), backends(1));
    expect(next()).not.toBe(first);
    naming.dropService('net', 's1');
    expect(next()).toBe(NOTHING);
  });

  test('has the chains its services lead to, and keeps those it had', () => {
    const { naming, next } = scene();
    const few = ['plain-1', 'plain-2', 'plain-3', 'plain-4'];
    naming.set(service(1), backends(1, 2, 3));
    const three = next();
    expect([...three.picks]).toEqual(few);
    naming.set(service(1), backends(1, 2));
    expect(next().tables).toEqual(three.tables);
    naming.set(service(1), backends(1, 2, 3, 4, 5));
    const five = next();
    expect([...five.picks]).toEqual([...few, 'plain-5', 'plain-6', 'plain-7', 'plain-8']);
    naming.set(service(1), backends(1, 2));
    expect(next().tables).toEqual(five.tables);
  });

  test('of two services with one virtual IP the first has it', () => {
    const { naming, next } = scene();
    naming.set(service(1), backends(1));
    naming.set({ ...service(1), network: 'other', name: 'same' }, backends(2));
    expect([...next('net', 'other').services.keys()]).toEqual(['net s1']);
    naming.dropService('net', 's1');
    expect([...next('net', 'other').services.keys()]).toEqual(['other same']);
  });
});

describe('the way from one state to another', () => {
  test('is laid out once', () => {
    const { naming, next } = scene();
    naming.set(service(1), backends(1));
    const state = next();
    expect(deltas.between(NOTHING, state)).toBe(deltas.between(NOTHING, state));
  });

  test('touches the elements of the service that changed, and makes chains that are new', async () => {
    const { naming, next } = scene();
    naming.set(service(1), backends(1, 2, 3));
    naming.set(service(2), backends(1, 2, 3));
    const three = next();
    naming.set(service(1), backends(1, 2));
    const two = next();
    expect(await way(three, two)).toEqual([
      'delete element ip weft-vip addresses 10.0.0.101',
      'delete element ip weft-vip ring 10.0.0.101 . 2',
      'delete element ip weft-vip connections 10.0.0.101 . 10.0.0.3',
      'create element ip weft-vip addresses 10.0.0.101',
    ]);
    naming.set(service(1), backends(1, 2, 4, 5, 6));
    const steps = await way(two, next());
    expect(steps.filter((step) => /^(flush|create) chain/.test(step))).toEqual([
      'flush chain ip weft-vip offers',
      ...[5, 6, 7, 8].map((size) => `create chain ip weft-vip plain-${size}`),
      'create chain ip weft-vip offers',
    ]);
    expect(steps.filter((step) => step.startsWith('delete chain'))).toEqual([]);
  });

  test('goes by a state in which connections go where they should and counters are as before', async () => {
    const { naming, next } = scene();
    naming.set(service(1), backends(1, 2));
    const before = next();
    naming.set(service(1), backends(1, 3));
    const after = next();
    const between = midway(before, after);
    if (between === undefined) throw new Error('one step');
    expect(between.towards).toBe(after);
    expect(midway(before, after)).toBe(between);
    expect(await way(before, between)).toEqual([
      'delete element ip weft-vip ring 10.0.0.101 . 1',
      'create element ip weft-vip ring 10.0.0.101 . 1',
    ]);
    expect(await way(between, after)).toEqual([
      'delete element ip weft-vip connections 10.0.0.101 . 10.0.0.2',
      'create element ip weft-vip connections 10.0.0.101 . 10.0.0.3',
    ]);
    expect(midway(between, after)).toBeUndefined();
    expect(midway(NOTHING, after)).toBeUndefined();
    naming.set(service(1, { affinity: {} }), backends(3, 1));
    expect(midway(after, next())).toBeUndefined();
    const flows = [before, between].map(async (from) => (await deltas.between(from, after)).flows.length);
    expect(await Promise.all(flows)).toEqual([4, 0]);
  });

  test('makes and deletes whole tables', async () => {
    const { naming, next } = scene();
    naming.set(service(1), backends(1));
    const some = next();
    expect((await way(NOTHING, some))[0]).toBe('create table ip weft-vip');
    expect(await way(some, NOTHING)).toEqual(['delete table ip weft-vip']);
  });

  test('changes the chains that an affinity timeout is in, and says whom to forget', async () => {
    const { naming, next } = scene();
    naming.set(service(1), backends(1, 2));
    const plain = next();
    naming.set(service(1, { affinity: { timeoutSeconds: 60 } }), backends(1, 2));
    const sticky = next();
    const steps = (await way(plain, sticky)).filter((step) => !step.includes(' element '));
    expect(steps.filter((step) => !step.startsWith('create rule'))).toEqual([
      'flush chain ip weft-vip choose',
      'flush chain ip weft-vip postrouting',
      'create chain ip weft-vip remembered-port',
      'create chain ip weft-vip remembered-address',
      'create chain ip weft-vip remember-60s',
      'create chain ip weft-vip choose',
      'create chain ip weft-vip postrouting',
    ]);
    naming.set(service(1, { affinity: { timeoutSeconds: 60 } }), backends(1));
    const one = next();
    const less = await deltas.between(sticky, one);
    expect(less.hasAffinity).toBe(true);
    const flow = { family: 4, originalDestination: '10.0.0.101', replySource: '10.0.0.2' };
    expect(less.flows).toEqual(['tcp', 'udp', 'sctp', 'icmp'].map((protocol) => ({ ...flow, protocol })));
  });

  test('leaves connections alone whose service goes, or chooses others', async () => {
    const { naming, next } = scene();
    naming.set(service(2), backends(1));
    naming.set(service(1, { select: 'old' }), backends(1));
    const before = next();
    naming.set(service(1, { select: 'new' }), backends(2));
    const chosen = next();
    naming.dropService('net', 's1');
    const gone = next();
    const protocols = async (from: VipState, to: VipState) =>
      (await deltas.between(from, to)).flows.map(({ protocol }) => protocol);
    expect(await protocols(before, chosen)).toEqual(['udp', 'icmp']);
    expect(await protocols(chosen, gone)).toEqual(['udp', 'icmp']);
  });
});

describe('after a repair', () => {
  const gone = {
    kind: 'element',
    family: 'ip',
    table: 'weft-vip',
    set: 'connections',
    key: ['10.0.0.101', '10.0.0.2'],
  } as const;

  test('connections to a backend that went meanwhile are forgotten', () => {
    const flow = { family: 4, originalDestination: '10.0.0.101', replySource: '10.0.0.2' };
    expect(staleFlows([{ op: 'delete', object: gone }])).toEqual([
      { ...flow, protocol: 'udp' },
      { ...flow, protocol: 'icmp' },
    ]);
    expect(staleFlows([{ op: 'create', object: gone }])).toEqual([]);
  });

  test('a table that was gone is one repair, not one for each of its elements', () => {
    const table = { kind: 'table', family: 'ip', name: 'weft-vip', fingerprint: '' } as const;
    const other = { ...gone, family: 'ip6' } as const;
    const repairs = repairsOf(
      [table, gone, other].map((object) => ({ op: 'create', object })),
      { where: 'here', cause: 'timer', at: 1 },
    );
    expect(repairs.map(({ key, action }) => `${action} ${key}`)).toEqual([
      `created ${keyOf(table)} in here`,
      `created ${keyOf(other)} in here`,
    ]);
  });
});
