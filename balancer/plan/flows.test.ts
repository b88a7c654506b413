import { describe, expect, test } from 'vitest';
import type { Ip } from '../../core/address.ts';
import type { EndpointId } from '../../core/ids.ts';
import type { Backend, Service } from '../../core/service.ts';
import { flowsToForget } from './index.ts';

const service: Service = {
  network: 'net',
  name: 'dns',
  ports: [],
  vip4: '10.0.0.100' as Ip,
  vip6: 'fd00::100' as Ip,
};
const backend = (n: number, change: Partial<Backend> = {}): Backend => ({
  endpoint: `e${n}` as EndpointId,
  node: 'h1',
  ipv4: `10.0.0.${n}` as Ip,
  ipv6: `fd00::${n}` as Ip,
  weight: 1,
  state: 'ready',
  ...change,
});

describe('conntrack entries to forget', () => {
  test('are none while all backends are there, draining or of weight 0 or not', () => {
    const before = [backend(1), backend(2), backend(3)];
    const after = [backend(1), backend(2, { state: 'draining' }), backend(3, { weight: 0 })];
    expect(flowsToForget(service, before, after)).toEqual([]);
  });

  test.each([
    ['gone', []],
    ['failing', [backend(2, { state: 'failing' })]],
  ])('of a backend that is %s are those of UDP in both families', (_, left) => {
    expect(flowsToForget(service, [backend(1), backend(2)], [backend(1), ...left])).toEqual([
      { family: 4, protocol: 'udp', originalDestination: '10.0.0.100', replySource: '10.0.0.2' },
      { family: 6, protocol: 'udp', originalDestination: 'fd00::100', replySource: 'fd00::2' },
    ]);
  });

  test('are those of UDP ports where the service has ports', () => {
    const ports = [
      { protocol: 'tcp', port: 80, target: 80 },
      { protocol: 'udp', port: 53, target: 5353 },
    ] as const;
    const { vip6: _, ...four } = service;
    expect(flowsToForget({ ...four, ports }, [backend(2)], [])).toEqual([
      {
        family: 4,
        protocol: 'udp',
        originalDestination: '10.0.0.100',
        originalPort: 53,
        replySource: '10.0.0.2',
        replyPort: 5353,
      },
    ]);
  });

  test('are none for an address that another endpoint has taken over', () => {
    const taken = { ...backend(2), endpoint: 'e9' as EndpointId };
    expect(flowsToForget(service, [backend(2)], [taken])).toEqual([]);
  });
});
