import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { parseIp } from '../../core/address.ts';
import { InvalidArgument, Unavailable } from '../../core/errors.ts';
import { createMetrics, type MetricsSample } from './metrics.ts';
import { listenMetrics, parseListenAddress } from './metrics-listener.ts';

const EMPTY: MetricsSample = { networks: 0, endpoints: 0, publishedPorts: 0, pools: [] };
const LOOPBACK = parseIp('127.0.0.1', 'test');

describe('createMetrics', () => {
  it('exposes what was observed, by its labels', async () => {
    const metrics = createMetrics({ version: '1.2.3', sample: () => EMPTY });
    metrics.observePluginCall({ method: 'NetworkDriver.Join', driver: 'weft-bridge', outcome: 'ok' }, 0.003);
    metrics.observeStoreCommit(0.2);
    metrics.observeKernelApply(20);
    metrics.countDriftRepair('route', 'missing');
    metrics.countDriftRepair('route', 'missing');
    metrics.countGcRemoved('link', 3);
    metrics.countAddressConflict('service');
    const text = await metrics.render();
    const call = 'method="NetworkDriver.Join",driver="weft-bridge",outcome="ok"';
    expect(text).toContain(`weft_plugin_call_seconds_bucket{le="0.0025",${call}} 0`);
    expect(text).toContain(`weft_plugin_call_seconds_bucket{le="0.005",${call}} 1`);
    expect(text).toContain('weft_store_commit_seconds_sum 0.2');
    expect(text).toContain('weft_kernel_apply_seconds_bucket{le="10"} 0');
    expect(text).toContain('weft_drift_repairs_total{object="route",cause="missing"} 2');
    expect(text).toContain('weft_gc_removed_total{kind="link"} 3');
    expect(text).toContain(`weft_build_info{version="1.2.3",node_version="${process.version}"} 1`);
    expect(text).toContain('process_cpu_seconds_total');
  });

  it('counts what there is at each scrape and forgets pools that are gone', async () => {
    let sample: MetricsSample = {
      networks: 2,
      endpoints: 5,
      publishedPorts: 4,
      pools: [{ id: 'weft/198.18.0.0/24', used: 3, resting: 1, conflicts: 2, usable: 254 }],
    };
    const metrics = createMetrics({ version: '1', sample: async () => sample });
    const before = await metrics.render();
    expect(before).toContain('weft_networks 2');
    expect(before).toContain('weft_endpoints 5');
    expect(before).toContain('weft_published_ports 4');
    expect(before).toContain('weft_ipam_addresses{pool="weft/198.18.0.0/24",state="used"} 3');
    expect(before).toContain('weft_ipam_addresses{pool="weft/198.18.0.0/24",state="resting"} 1');
    expect(before).toContain('weft_ipam_addresses{pool="weft/198.18.0.0/24",state="conflict"} 2');
    expect(before).toContain('weft_ipam_addresses{pool="weft/198.18.0.0/24",state="free"} 248');
    sample = EMPTY;
    const after = await metrics.render();
    expect(after).toContain('weft_networks 0');
    expect(after).not.toContain('198.18.0.0/24');
  });

  it('takes over what is counted elsewhere', async () => {
    const backends = { starting: 1, ready: 2, draining: 0, failing: 0 };
    const resolver = { isRunning: true, sandboxes: 3, restarts: 1, queries: { local: 10, cached: 4 } };
    let names: MetricsSample['names'] = { services: 2, backends, resolver };
    const metrics = createMetrics({ version: '1', sample: () => ({ ...EMPTY, ...(names && { names }) }) });
    await metrics.render();
    const text = await metrics.render();
    for (const line of [
      'weft_services 2',
      'weft_service_backends{state="starting"} 1',
      'weft_service_backends{state="ready"} 2',
      'weft_resolver_up 1',
      'weft_resolver_sandboxes 3',
      'weft_resolver_restarts_total 1',
      'weft_resolver_queries_total{outcome="local"} 10',
      'weft_resolver_queries_total{outcome="cached"} 4',
    ]) {
      expect(text).toContain(`${line}\n`);
    }
    names = { services: 0, backends: { ...backends, starting: 0, ready: 0 } };
    const after = await metrics.render();
    expect(after).toContain('weft_service_backends{state="ready"} 0\n');
    expect(after).toContain('weft_resolver_up 0\n');
    expect(after).not.toContain('outcome="local"');
  });

  it('keeps two registries apart', async () => {
    const first = createMetrics({ version: '1', sample: () => EMPTY });
    const second = createMetrics({ version: '1', sample: () => EMPTY });
    first.countGcRemoved('link');
    expect(await second.render()).not.toContain('kind="link"');
  });
});

describe('parseListenAddress', () => {
  it('reads IPv4, bracketed IPv6 and off', () => {
    expect(parseListenAddress('127.0.0.1:9470', '--metrics')).toEqual({ ip: '127.0.0.1', port: 9470 });
    expect(parseListenAddress('[::1]:0', '--metrics')).toEqual({ ip: '::1', port: 0 });
    expect(parseListenAddress('off', '--metrics')).toBeUndefined();
  });

  it.each([
    '',
    '9470',
    ':9470',
    '127.0.0.1',
    '127.0.0.1:',
    '127.0.0.1:65536',
    '::1:80',
    '[127.0.0.1]:80',
    'host:80',
  ])('refuses %j, naming the flag', (text) => {
    expect(() => parseListenAddress(text, '--metrics')).toThrow(InvalidArgument);
    expect(() => parseListenAddress(text, '--metrics')).toThrow('--metrics');
  });
});

describe('listenMetrics', () => {
  it('serves /metrics and nothing else', async () => {
    const metrics = createMetrics({ version: '1', sample: () => EMPTY });
    await using listener = await listenMetrics({ ip: LOOPBACK, port: 0 }, metrics);
    const base = `http://127.0.0.1:${listener.address.port}`;
    const answer = await fetch(`${base}/metrics`);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(await answer.text()).toContain('weft_networks 0');
    expect((await fetch(`${base}/`)).status).toBe(404);
    expect((await fetch(`${base}/metrics`, { method: 'POST' })).status).toBe(405);
  });

  it('answers 500 when counting fails', async () => {
    const metrics = createMetrics({
      version: '1',
      sample: () => {
        throw new Unavailable('the store does not answer');
      },
    });
    await using listener = await listenMetrics({ ip: LOOPBACK, port: 0 }, metrics);
    const answer = await fetch(`http://127.0.0.1:${listener.address.port}/metrics`);
    expect(answer.status).toBe(500);
    expect(await answer.text()).toContain('the store does not answer');
  });

  it('says which address it could not have', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const { port } = holder.address() as AddressInfo;
    const metrics = createMetrics({ version: '1', sample: () => EMPTY });
    await expect(listenMetrics({ ip: LOOPBACK, port }, metrics)).rejects.toThrow(
      `listen for metrics on 127.0.0.1 port ${port}: listen EADDRINUSE`,
    );
    holder.close();
  });
});
