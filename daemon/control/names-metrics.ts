import { Counter, Gauge, type Registry } from 'prom-client';
import type { BackendState } from '../../core/service.ts';

/** How much there is of names and services, and what the resolver process has counted. */
export interface NamesSample {
  readonly services: number;
  /** On all hosts, of the services that this host knows. */
  readonly backends: Readonly<Record<BackendState, number>>;
  /** Absent: `--resolver off`. */
  readonly resolver?: {
    readonly isRunning: boolean;
    readonly sandboxes: number;
    readonly restarts: number;
    /** By outcome; each only grows while weftd runs. */
    readonly queries: Readonly<Record<string, number>>;
  };
}

/** Adds the metrics of names and services. What counts is elsewhere: a scrape takes over its numbers. */
export function createNamesMetrics(registry: Registry): (sample: NamesSample | undefined) => void {
  const registers = [registry];
  const services = new Gauge({ name: 'weft_services', help: 'Services that this host knows.', registers });
  const backends = new Gauge({
    name: 'weft_service_backends',
    help: 'Backends of these services, on all hosts.',
    labelNames: ['state'],
    registers,
  });
  const up = new Gauge({
    name: 'weft_resolver_up',
    help: '1 while the resolver process is there.',
    registers,
  });
  const sandboxes = new Gauge({
    name: 'weft_resolver_sandboxes',
    help: 'Sandboxes that the resolver serves.',
    registers,
  });
  const restarts = new Counter({
    name: 'weft_resolver_restarts_total',
    help: 'Resolver processes started in place of one that had ended.',
    registers,
  });
  const queries = new Counter({
    name: 'weft_resolver_queries_total',
    help: 'DNS queries of containers: local, cached, forwarded, refused, limited, failed.',
    labelNames: ['outcome'],
    registers,
  });
  return (sample) => {
    services.set(sample?.services ?? 0);
    for (const [state, count] of Object.entries(sample?.backends ?? {})) backends.set({ state }, count);
    up.set(sample?.resolver?.isRunning === true ? 1 : 0);
    sandboxes.set(sample?.resolver?.sandboxes ?? 0);
    restarts.reset();
    restarts.inc(sample?.resolver?.restarts ?? 0);
    queries.reset();
    for (const [outcome, count] of Object.entries(sample?.resolver?.queries ?? {})) {
      queries.inc({ outcome }, count);
    }
  };
}
