import { beforeEach, expect, test } from 'vitest';
import type { Ip } from '../../core/address.ts';
import type { EndpointId } from '../../core/ids.ts';
import type { NameRecord } from '../../core/naming.ts';
import { aNameRecord } from '../../test/fakes/memory-names.ts';
import { MemoryNaming } from '../../test/fakes/memory-naming.ts';
import { NamingEvents } from './naming-events.ts';

const ONE = 'b1'.repeat(32) as EndpointId;
const SERVICE = { network: 'net', name: 'shop', vip4: '10.0.0.100' as Ip, ports: [], select: 'web' };
let naming: MemoryNaming;
let told: string[];

const put = (state: NameRecord['state']): void =>
  naming.putName(aNameRecord({ endpoint: ONE, names: ['web-1', 'web'], state }));

const follow = (): NamingEvents =>
  new NamingEvents(naming, ({ kind, text, endpoint, fields }) =>
    told.push(`${kind} ${text}${endpoint === undefined ? '' : ` ${JSON.stringify(fields)}`}`),
  );

beforeEach(() => {
  naming = new MemoryNaming();
  told = [];
});

test('services and backends are told as they come, change and go', async () => {
  using _events = follow();
  naming.putService({ ...SERVICE, origin: 'api', createdAt: 1 });
  put('starting');
  put('ready');
  await naming.updateService('net', 'shop', { weights: { 'web-1': 0 } });
  await naming.updateService('net', 'shop', { health: { kind: 'tcp', port: 80 } });
  naming.dropName('net', ONE);
  naming.dropService('net', 'shop');
  expect(told).toEqual([
    'service.create service shop created at 10.0.0.100',
    'backend.add web-1 is a backend of shop: starting {"service":"shop","node":"h1","state":"starting","weight":1}',
    'backend.change backend web-1 of shop: starting → ready {"service":"shop","node":"h1","state":"ready","weight":1}',
    'backend.change backend web-1 of shop: ready, weight 1 → 0 {"service":"shop","node":"h1","state":"ready","weight":0}',
    'service.update service shop changed',
    'backend.remove web-1 is no backend of shop any more {"service":"shop","node":"h1","state":"ready","weight":0}',
    'service.remove service shop removed',
  ]);
});

test('what is there already, and what stays as it is, is not told', () => {
  naming.putService({ ...SERVICE, origin: 'api', createdAt: 1 });
  put('ready');
  const events = follow();
  put('ready');
  naming.putService({ ...SERVICE, origin: 'api', createdAt: 1 });
  events[Symbol.dispose]();
  put('failing');
  expect(told).toEqual([]);
});
