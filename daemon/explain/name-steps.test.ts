import { beforeEach, describe, expect, test } from 'vitest';
import type { Ip } from '../../core/address.ts';
import type { EndpointId } from '../../core/ids.ts';
import type { NameRecord } from '../../core/naming.ts';
import { aNameRecord } from '../../test/fakes/memory-names.ts';
import { MemoryNaming } from '../../test/fakes/memory-naming.ts';
import { type NameFacts, nameSteps } from './name-steps.ts';
import { thingNamed } from './named-target.ts';
import type { AskedPort } from './target.ts';

const SENDER = 'a0'.repeat(32) as EndpointId;
const ONE = 'b1'.repeat(32) as EndpointId;
const TWO = 'b2'.repeat(32) as EndpointId;
let naming: MemoryNaming;

const put = (endpoint: EndpointId, name: string, change: Partial<NameRecord> = {}): void =>
  naming.putName(aNameRecord({ endpoint, names: [name, 'web'], ipv4: '10.0.0.2' as Ip, ...change }));

const putService = (ports: NonNullable<NameRecord['service']>['ports'] = []): void =>
  naming.putService({
    network: 'net',
    name: 'shop',
    vip4: '10.0.0.100' as Ip,
    ports,
    select: 'web',
    origin: 'api',
    createdAt: 1,
  });

beforeEach(() => {
  naming = new MemoryNaming();
  put(ONE, 'web-1', { node: 'h2', state: 'starting' });
  put(TWO, 'web-2');
});

const tcp = (port: number): AskedPort => ({ port, protocol: 'tcp' });

function way(ref: string, change: Partial<NameFacts> = {}) {
  const thing = thingNamed(naming, 'net', { name: ref });
  if (thing === undefined) throw new TypeError(`nothing is called ${ref}`);
  const facts = { naming, ref, thing, label: 'app', port: undefined, sender: SENDER, node: 'h1' };
  const { steps, end } = nameSteps({ ...facts, resolver: 'on', ...change });
  const shown = steps.map(({ id, state }) => (state === 'ok' ? id : `${id}!${state}`)).join(' ');
  return { shown, end, steps };
}

describe('what a name stands for', () => {
  test.each([
    ['web-1', [ONE]],
    ['WEB-1.app', [ONE]],
    ['web.net.', [TWO, ONE]],
    ['tasks.web', [TWO, ONE]],
    ['tasks.shop', [TWO, ONE]],
  ])('%s', (name, ids) => {
    putService();
    const thing = thingNamed(naming, 'net', { name });
    expect(thing?.kind === 'endpoints' && thing.holders.map(({ endpoint }) => endpoint)).toEqual(ids);
  });

  test('a service, by name and by virtual IP', () => {
    putService();
    expect(thingNamed(naming, 'net', { name: 'shop.app' })).toMatchObject({ kind: 'service' });
    expect(thingNamed(naming, 'net', { ip: '10.0.0.100' as Ip })).toMatchObject({ kind: 'service' });
    expect(thingNamed(naming, 'net', { ip: '10.0.0.2' as Ip })).toBeUndefined();
    expect(thingNamed(naming, 'net', { name: 'nope' })).toBeUndefined();
    expect(thingNamed(naming, 'other', { name: 'web' })).toBeUndefined();
  });
});

describe('a container', () => {
  test('is reached, a ready one first, and not the sender itself', () => {
    expect(way('web', { port: tcp(80) })).toMatchObject({
      shown: 'resolver name',
      end: { endpoint: TWO, port: tcp(80) },
    });
    expect(way('web', { sender: TWO }).end).toEqual({ endpoint: ONE });
  });

  test.each([
    ['web-1', 'off', 'resolver!fail name'],
    ['web-1', 'gone', 'resolver!fail name'],
    ['web-2', 'gone', 'resolver!note name'],
  ] as const)('%s with the resolver %s', (name, resolver, steps) => {
    const { shown, end } = way(name, { resolver });
    expect(shown).toBe(steps);
    expect(end === undefined).toBe(steps.includes('fail'));
  });
});

describe('a service', () => {
  test('leads to a backend that is ready', () => {
    putService();
    const { shown, end, steps } = way('shop', { port: tcp(80) });
    expect(shown).toBe('resolver name backend');
    expect(end).toEqual({ endpoint: TWO, port: tcp(80) });
    expect(steps.at(-1)?.found).toBe(
      'web-1 on node h2: starting; web-2 on node h1: ready; this way takes web-2',
    );
  });

  test('has ports of its own', () => {
    putService([{ protocol: 'tcp', port: 80, target: 8080 }]);
    expect(way('shop', { port: tcp(80) })).toMatchObject({
      shown: 'resolver name service-port backend',
      end: { port: tcp(8080) },
    });
    expect(way('shop').shown).toBe('resolver name service-port!note backend');
    const refused = way('shop', { port: tcp(81) });
    expect(refused).toMatchObject({ shown: 'resolver name service-port!fail backend', end: undefined });
    expect(refused.steps[2]?.found).toBe('it offers 80:8080/tcp; other connections are refused');
  });

  test('without a ready backend leads nowhere', () => {
    putService();
    put(TWO, 'web-2', { state: 'draining' });
    expect(way('shop')).toMatchObject({ shown: 'resolver name backend!fail', end: undefined });
    naming.dropName('net', ONE);
    naming.dropName('net', TWO);
    expect(way('shop').steps.at(-1)?.found).toBe('it has none');
  });

  test('cannot be found by name without the resolver', () => {
    putService();
    expect(way('shop', { resolver: 'off' })).toMatchObject({
      shown: 'resolver!fail name backend',
      end: undefined,
    });
  });
});
