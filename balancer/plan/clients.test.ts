import { expect, test } from 'vitest';
import type { Ip } from '../../core/address.ts';
import type { EndpointId } from '../../core/ids.ts';
import type { ElementObject } from '../../core/kernel-objects.ts';
import type { Backend, Service } from '../../core/service.ts';
import { CLIENT_MAPS, clientsToForget } from './index.ts';

const service: Service = {
  network: 'net',
  name: 'web',
  ports: [],
  affinity: { timeoutSeconds: 60 },
  vip4: '10.0.0.100' as Ip,
};
const backend = (n: number, change: Partial<Backend> = {}): Backend => ({
  endpoint: `e${n}` as EndpointId,
  node: 'h1',
  ipv4: `10.0.0.${n}` as Ip,
  weight: 1,
  state: 'ready',
  ...change,
});

function remembered(vip: string, ip: string): ElementObject {
  const [map] = CLIENT_MAPS;
  if (map === undefined) throw new Error('no maps');
  return { kind: 'element', ...map, family: 'ip', key: ['10.0.0.9', vip], data: [ip] };
}

test('clients are forgotten when their backend takes no connections of the service any more', () => {
  const backends = [backend(1), backend(2, { state: 'draining' }), backend(3, { weight: 0 })];
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
