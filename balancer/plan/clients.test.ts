import { expect, test } from 'vitest';
import type { Ip } from '../../core/address.ts';
import type { ElementObject } from '../../core/kernel-objects.ts';
import type { Service } from '../../core/service.ts';
import { aBackend } from '../../test/fakes/builders.ts';
import { CLIENT_MAPS, clientsToForget } from './index.ts';

const service: Service = {
  network: 'net',
  name: 'web',
  ports: [],
  affinity: { timeoutSeconds: 60 },
  vip4: '10.0.0.100' as Ip,
};

function remembered(vip: string, ip: string): ElementObject {
  const [map] = CLIENT_MAPS;
  if (map === undefined) throw new Error('no maps');
  return { kind: 'element', ...map, family: 'ip', key: ['10.0.0.9', vip], data: [ip] };
}

test('clients are forgotten when their backend takes no connections of the service any more', () => {
  const backends = [aBackend(1), aBackend(2, { state: 'draining' }), aBackend(3, { weight: 0 })];
  const [home, draining, empty, gone, other] = [
    remembered('10.0.0.100', '10.0.0.1'),
    remembered('10.0.0.100', '10.0.0.2'),
    remembered('10.0.0.100', '10.0.0.3'),
    remembered('10.0.0.100', '10.0.0.4'),
    remembered('10.0.0.101', '10.0.0.1'),
  ] as const;
  const all = [home, draining, empty, gone, other];
  expect(clientsToForget([{ service, backends }], all)).toEqual([draining, empty, gone, other]);
  expect(clientsToForget([], all)).toEqual(all);
});
