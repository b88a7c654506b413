import type { Logger } from 'pino';
import type { KeyedMutex } from '../core/keyed-mutex.ts';
import type { Clock, Kernel } from '../core/ports.ts';
import { drivers } from '../drivers/index.ts';
import type { IpamService } from '../ipam/index.ts';
import { sweepAddresses } from './addresses.ts';
import type { EventLog, Metrics } from './control/index.ts';
import type { DockerNames, Engine, EngineNetwork } from './docker/index.ts';
import { Collector, markListed } from './gc/index.ts';
import type { Networks } from './networks/index.ts';
import type { ReconcileLoop } from './reconcile/index.ts';
import { adoptAddresses, Relearner } from './relearn/index.ts';
import type { Repository } from './state/index.ts';

/** What collecting and learning from Docker work with. */
export interface CollectingParts {
  readonly engine: Engine;
  readonly repository: Repository;
  readonly kernel: Kernel;
  readonly ipam: IpamService;
  readonly names: DockerNames;
  readonly events: EventLog;
  readonly metrics: Metrics;
  readonly locks: KeyedMutex;
  readonly networks: Networks;
  readonly loop: ReconcileLoop;
  /** Whether Docker has been heard since the start. */
  readonly docker: { heard: boolean };
  readonly clock: Clock;
  readonly log: Logger;
  readonly graceMs: number;
}

/** Starts removing what Docker has forgotten and learning what weft has. */
export function startCollecting(parts: CollectingParts): Collector {
  const { engine, repository, ipam, metrics, events, networks, clock, log, graceMs } = parts;
  const inUse = (subnet: string, ip: string): boolean => {
    for (const { request } of repository.networks()) {
      const owns = [...request.ipv4, ...request.ipv6].some(({ pool }) => pool === subnet);
      if (owns && repository.addressOwner(request.id, ip as never) !== undefined) return true;
    }
    return false;
  };
  return new Collector({
    engine,
    repository,
    collectNetwork: networks.collectNetwork,
    deleteEndpoint: networks.deleteEndpoint,
    sweepAddresses: (known) => sweepAddresses(ipam, known, graceMs, inUse),
    heard: onHeard(parts),
    collected: (kind, id) => {
      metrics.countGcRemoved(kind);
      events.publish({ kind: 'gc.remove', text: `collected ${kind} ${id.slice(0, 12)}`.trim() });
    },
    clock,
    log,
    graceMs,
  });
}

/** Learns names and what the store does not know; from the first time on, what is unknown to both may be deleted. */
function onHeard(parts: CollectingParts) {
  const { engine, repository, kernel, ipam, locks, docker, events, networks, loop, clock, log } = parts;
  const relearner = new Relearner({
    engine,
    repository,
    drivers,
    kernel,
    locks,
    createNetwork: networks.backend.createNetwork,
    adoptAddresses: (network) => adoptAddresses(ipam, network),
    learned: (kind, id) => {
      events.publish({ kind: 'docker.learned', text: `learned ${kind} ${id.slice(0, 12)} from Docker` });
      log.warn({ kind, id }, 'Docker has what the store has not; learned');
    },
    clock,
    log,
  });
  return async (heard: readonly EngineNetwork[]): Promise<void> => {
    await takeIn(parts, heard);
    await relearner.learn(heard);
    if (docker.heard) return;
    docker.heard = true;
    loop.request('start');
  };
}

/** Names, and that Docker has a network, by whatever list of Docker's. */
export async function takeIn(
  { names, repository, locks }: Pick<CollectingParts, 'names' | 'repository' | 'locks'>,
  heard: readonly EngineNetwork[],
): Promise<void> {
  names.update(heard);
  await markListed({ repository, locks }, heard);
}
