import { describe, expect, test } from 'vitest';
import type { Ip } from '../../core/address.ts';
import type { EndpointId } from '../../core/ids.ts';
import type { Backend, Service } from '../../core/service.ts';
import { aBackend } from '../../test/fakes/builders.ts';
import { flowsToForget } from './index.ts';

const service: Service = {
  network: 'net',
  name: 'dns',
  ports: [],
  vip4: '10.0.0.100' as Ip,
  vip6: 'fd00::100' as Ip,
};
const backend = (n: number, change: Partial<Backend> = {}) =>
  aBackend(n, { ipv6: `fd00::${n}` as Ip, ...change });

describe('conntrack entries to forget', () => {
  test('are none while all backends are there, draining or of weight 0 or not', () => {
    const before = [backend(1), backend(2), backend(3)];
    const after = [backend(1), backend(2, { state: 'draining' }), backend(3, { weight: 0 })];
    expect(flowsToForget(service, before, after)).toEqual([]);
  });

  const FOUR = { family: 4, originalDestination: '10.0.0.100', replySource: '10.0.0.2' };
  const SIX = { family: 6, originalDestination: 'fd00::100', replySource: 'fd00::2' };

  test('of a backend that is gone are all', () => {
    expect(flowsToForget(service, [backend(1), backend(2)], [backend(1)])).toEqual(
      [FOUR, SIX].flatMap((flow) =>
        ['tcp', 'udp', 'sctp', 'icmp'].map((protocol) => ({ ...flow, protocol })),
      ),
    );
  });

  test('of a backend that fails are those of UDP, echoes and those that it has not answered', () => {
    const failing = [backend(1), backend(2, { state: 'failing' })];
    expect(flowsToForget(service, [backend(1), backend(2)], failing)).toEqual(
      [FOUR, SIX].flatMap((flow) => [
        { ...flow, protocol: 'tcp', unanswered: true },
        { ...flow, protocol: 'udp' },
        { ...flow, protocol: 'sctp', unanswered: true },
        { ...flow, protocol: 'icmp' },
      ]),
    );
    expect(flowsToForget(service, failing, failing)).toEqual([]);
    expect(flowsToForget(service, failing, [backend(1)])).toHaveLength(8);
  });

  test('are those of its ports and echoes where the service has ports', () => {
    const ports = [
      { protocol: 'tcp', port: 80, target: 8080 },
      { protocol: 'udp', port: 53, target: 5353 },
    ] as const;
    const { vip6: _, ...four } = service;
    expect(flowsToForget({ ...four, ports }, [backend(2)], [])).toEqual([
      { ...FOUR, protocol: 'tcp', originalPort: 80, replyPort: 8080 },
      { ...FOUR, protocol: 'udp', originalPort: 53, replyPort: 5353 },
      { ...FOUR, protocol: 'icmp' },
    ]);
  });

  test('are none for an address that another endpoint has taken over', () => {
    const taken = { ...backend(2), endpoint: 'e9' as EndpointId };
    expect(flowsToForget(service, [backend(2)], [taken])).toEqual([]);
  });
});
