import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { createNamesMetrics, type NamesSample } from './names-metrics.ts';

/** Something that can be scraped. */
export interface Exposition {
  readonly contentType: string;
  /** Prometheus text format, as of now. */
  render(): Promise<string>;
}

/** How much there is; asked for once a scrape, so that counting costs the hot paths nothing. */
export interface MetricsSample {
  readonly networks: number;
  readonly endpoints: number;
  readonly publishedPorts: number;
  /** Address counts by pool id. */
  readonly pools: readonly {
    readonly id: string;
    readonly used: number;
    readonly resting: number;
    /** Others on the LAN have them. */
    readonly conflicts: number;
    readonly usable: number;
  }[];
  /** Absent: there are no names and services. */
  readonly names?: NamesSample;
}

/** One answered call from Docker; each field is a label, so its values are few. */
export interface PluginCall {
  /** Plugin method, such as `NetworkDriver.Join`. One of a fixed set. */
  readonly method: string;
  /** Plugin name. */
  readonly driver: string;
  /** `ok`, or the code of the WeftError. */
  readonly outcome: string;
}

/** weftd's metrics. Every `observe…` and `count…` is synchronous, takes microseconds and never throws. */
export interface Metrics extends Exposition {
  observePluginCall(call: PluginCall, seconds: number): void;
  observeStoreCommit(seconds: number): void;
  observeKernelApply(seconds: number): void;
  countDriftRepair(object: string, cause: string, count?: number): void;
  /** @param kind what was removed, such as `link`. */
  countGcRemoved(kind: string, count?: number): void;
  /** @param kind what the address was to be: `endpoint` or `service`. */
  countAddressConflict(kind: string): void;
}

/** What the metrics report that is not observed. `sample` may throw: that scrape then fails. */
export interface MetricsOptions {
  readonly version: string;
  readonly sample: () => MetricsSample | Promise<MetricsSample>;
}

const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** Each tick of the delay monitor wakes the process; the default of 10 ms would never let it sleep. */
const EVENT_LOOP_RESOLUTION_MS = 500;

/** A registry of its own with weft's metrics, build information and prom-client's process metrics. */
export function createMetrics(options: MetricsOptions): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: EVENT_LOOP_RESOLUTION_MS });
  new Gauge({
    name: 'weft_build_info',
    help: 'Always 1; the labels say what runs.',
    labelNames: ['version', 'node_version'],
    registers: [registry],
  }).set({ version: options.version, node_version: process.version }, 1);
  const setGauges = createGauges(registry);
  return {
    ...createObservers(registry),
    contentType: registry.contentType,
    async render() {
      setGauges(await options.sample());
      return registry.metrics();
    },
  };
}

function createObservers(registry: Registry): Omit<Metrics, keyof Exposition> {
  const registers = [registry];
  const pluginCall = new Histogram({
    name: 'weft_plugin_call_seconds',
    help: 'Time to answer a call from Docker.',
    labelNames: ['method', 'driver', 'outcome'],
    buckets: SECONDS,
    registers,
  });
  const commit = new Histogram({
    name: 'weft_store_commit_seconds',
    help: 'Time for a store transaction to become durable.',
    buckets: SECONDS,
    registers,
  });
  const apply = new Histogram({
    name: 'weft_kernel_apply_seconds',
    help: 'Time for a set of kernel changes to take effect.',
    buckets: SECONDS,
    registers,
  });
  const repairs = new Counter({
    name: 'weft_drift_repairs_total',
    help: 'Kernel objects that differed from intent and were repaired.',
    labelNames: ['object', 'cause'],
    registers,
  });
  const removed = new Counter({
    name: 'weft_gc_removed_total',
    help: 'Left-over objects removed.',
    labelNames: ['kind'],
    registers,
  });
  const conflicts = new Counter({
    name: 'weft_address_conflicts_total',
    help: 'Addresses that were about to be given and that somebody else on the LAN has.',
    labelNames: ['kind'],
    registers,
  });
  return {
    observePluginCall: ({ method, driver, outcome }, seconds) =>
      pluginCall.observe({ method, driver, outcome }, seconds),
    observeStoreCommit: (seconds) => commit.observe(seconds),
    observeKernelApply: (seconds) => apply.observe(seconds),
    countDriftRepair: (object, cause, count = 1) => repairs.inc({ object, cause }, count),
    countGcRemoved: (kind, count = 1) => removed.inc({ kind }, count),
    countAddressConflict: (kind) => conflicts.inc({ kind }),
  };
}

function createGauges(registry: Registry): (sample: MetricsSample) => void {
  const registers = [registry];
  const networks = new Gauge({ name: 'weft_networks', help: 'Networks on this host.', registers });
  const endpoints = new Gauge({ name: 'weft_endpoints', help: 'Endpoints on this host.', registers });
  const ports = new Gauge({
    name: 'weft_published_ports',
    help: 'Published ports, one for each address family.',
    registers,
  });
  const addresses = new Gauge({
    name: 'weft_ipam_addresses',
    help: 'Addresses of a pool: used, resting after release, in conflict with others on the LAN, free.',
    labelNames: ['pool', 'state'],
    registers,
  });
  const setNames = createNamesMetrics(registry);
  return (sample) => {
    setNames(sample.names);
    networks.set(sample.networks);
    endpoints.set(sample.endpoints);
    ports.set(sample.publishedPorts);
    // Pools come and go; one that is gone must not be reported with its last values.
    addresses.reset();
    for (const pool of sample.pools) {
      addresses.set({ pool: pool.id, state: 'used' }, pool.used);
      addresses.set({ pool: pool.id, state: 'resting' }, pool.resting);
      addresses.set({ pool: pool.id, state: 'conflict' }, pool.conflicts);
      const taken = pool.used + pool.resting + pool.conflicts;
      addresses.set({ pool: pool.id, state: 'free' }, Math.max(0, pool.usable - taken));
    }
  };
}
