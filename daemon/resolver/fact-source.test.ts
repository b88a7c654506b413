import { expect, test } from 'vitest';
import type { Ip } from '../../core/address.ts';
import type { SandboxKey } from '../../core/ids.ts';
import type { ServiceRecord } from '../../core/naming.ts';
import type { FactChange } from '../../discovery/index.ts';
import { MemoryNames } from '../../test/fakes/memory-names.ts';
import { aName } from '../../test/support/a-name.ts';
import { MemorySandboxes } from '../../test/support/memory-sandboxes.ts';
import { FactSource } from './fact-source.ts';
import { serversOf } from './host-servers.ts';

const KEY = '/run/docker/netns/1' as SandboxKey;
const ip = (text: string): Ip => text as Ip;
const port = { protocol: 'tcp', port: 80, target: 8080 } as const;

function aService(more: Partial<ServiceRecord> = {}): ServiceRecord {
  return { network: 'net-id', name: 'shop', ports: [port], origin: 'api', createdAt: 0, ...more };
}

function scene(ttl?: number) {
  const naming = new MemoryNames();
  const sandboxes = new MemorySandboxes();
  const source = new FactSource({ naming, sandboxes, ttlOf: () => ttl, serversOf: () => serversOf() });
  const told: FactChange[] = [];
  source.subscribe((dirty) => told.push(...dirty.map((each) => each.now())));
  const news = () => told.splice(0).map(show);
  return { naming, sandboxes, source, news };
}

function show(change: FactChange): string {
  if (change.op === 'drop') return `drop ${change.key}`;
  const { fact } = change;
  switch (fact.kind) {
    case 'endpoint': {
      const { endpoint, names, ready, service } = fact.endpoint;
      return `endpoint ${endpoint} ${names}${ready ? '' : ' not ready'}${service ? ` of ${service.name}` : ''}`;
    }
    case 'service':
      return `service ${fact.service.name} ${fact.service.vip4 ?? 'without address'}`;
    case 'ttl':
      return `ttl ${fact.network} ${fact.seconds}`;
    case 'sandbox':
      return `sandbox ${fact.sandbox.networks} ${fact.sandbox.servers.map(({ address }) => address)}`;
  }
}

test('everything: names before the sandboxes that ask for them', () => {
  const { naming, sandboxes, source } = scene(9);
  sandboxes.set(KEY, ['net-id']);
  naming.putName(aName('e1', ['web'], { state: 'starting' }));
  naming.putService(aService({ vip4: ip('198.18.0.9') }));
  expect([...source.all()].map(show)).toEqual([
    'ttl net-id 9',
    'endpoint e1 web not ready',
    'service shop 198.18.0.9',
    'sandbox net-id 127.0.0.11',
  ]);
});

test('changes, and what is gone', () => {
  const { naming, sandboxes, source, news } = scene();
  naming.putName(aName('e1', ['web'], { service: { service: 'own', ports: [port], weight: 1 } }));
  sandboxes.set(KEY, ['net-id']);
  expect(news()).toEqual(['drop ttl net-id', 'endpoint e1 web of own', 'sandbox net-id 127.0.0.11']);
  naming.dropName('net-id', 'e1' as never);
  sandboxes.remove(KEY);
  expect(news()).toEqual(['drop ttl net-id', 'drop endpoint e1', `drop sandbox ${KEY}`]);
  source[Symbol.dispose]();
  sandboxes.set(KEY, []);
  expect(news()).toEqual([]);
});

test('a service that chooses its backends by name', () => {
  const { naming, news } = scene();
  naming.putName(aName('e1', ['web']));
  naming.putName(aName('e2', ['other']));
  news();
  naming.putService(aService({ select: 'web' }));
  expect(news()).toEqual(['drop ttl net-id', 'service shop without address', 'endpoint e1 web of shop']);
  naming.putService(aService({ select: 'other' }));
  expect(news().slice(2)).toEqual(['endpoint e1 web', 'endpoint e2 other of shop']);
});

test('resolvers of a sandbox', () => {
  const text =
    '# a comment\nnameserver 127.0.0.53\nnameserver 192.0.2.1\n nameserver fd00::1\nnameserver x\n';
  const [docker, ...others] = serversOf('nameserver 127.0.0.53\n', text, 'nameserver 192.0.2.9');
  expect(docker).toEqual({ address: '127.0.0.11', port: 53, embedded: true });
  expect(others.map(({ address }) => address)).toEqual(['192.0.2.1', 'fd00::1']);
  expect(serversOf()).toEqual([docker]);
});
