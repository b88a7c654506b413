import { setTimeout as sleep } from 'node:timers/promises';
import { errorMessage, WeftError } from '../../core/errors.ts';
import type { EndpointId } from '../../core/ids.ts';
import type { ContainerApi, ContainerEvent, ContainerFacts } from '../docker/index.ts';
import { InspectionQueue } from './inspection-queue.ts';
import type { Log } from './log.ts';

/** How soon the event stream is opened again after it ended, at first and at most. */
const REOPEN_MS = 100;
const MAX_REOPEN_MS = 2000;
/** Events of so long before are asked for again: the engine answers before it listens. */
const OVERLAP_MS = 1000;
const SIGKILL = 9;
const SIGTERM = 15;

export interface ContainerWatchParts {
  readonly docker: ContainerApi;
  /** Called with the endpoints of a container of which something is other than before. */
  readonly changed: (endpoints: ReadonlySet<EndpointId>) => void;
  readonly log: Log;
}

/** A container, and when it was last told to stop or ended; milliseconds since the epoch, 0 for never. */
export interface KnownContainer extends ContainerFacts {
  readonly stoppedAt: number;
}

/**
 * What Docker knows of the containers of this host, kept up by its events: each leads to an inspection at once. Those
 * that run are all inspected at the start and whenever events may have been missed. While Docker does not answer,
 * what is known stays.
 */
export class ContainerWatch implements AsyncDisposable {
  readonly #parts: ContainerWatchParts;
  readonly #known = new Map<string, KnownContainer>();
  readonly #byEndpoint = new Map<EndpointId, string>();
  /** When a container was told to stop, or ended, as far as events said. */
  readonly #stopped = new Map<string, number>();
  readonly #queue: InspectionQueue;
  readonly #stop = new AbortController();
  readonly #following: Promise<void>;
  #heardAt = Date.now();

  constructor(parts: ContainerWatchParts) {
    this.#parts = parts;
    this.#queue = new InspectionQueue((id) => this.#inspect(id), parts.log);
    this.#following = this.#follow();
  }

  /** The container that has an endpoint, as last heard. */
  holder(endpoint: EndpointId): KnownContainer | undefined {
    return this.#known.get(this.#byEndpoint.get(endpoint) ?? '');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#following;
    await this.#queue[Symbol.asyncDispose]();
  }

  async #follow(): Promise<void> {
    const { signal } = this.#stop;
    let pauseMs = REOPEN_MS;
    while (!signal.aborted) {
      const heard = await this.#stream();
      pauseMs = heard ? REOPEN_MS : Math.min(2 * pauseMs, MAX_REOPEN_MS);
      // An abort ends the wait early, which is all it says.
      await sleep(pauseMs, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  /** Hears events until there are no more; says whether the stream could be opened. */
  async #stream(): Promise<boolean> {
    const { docker, log } = this.#parts;
    const { signal } = this.#stop;
    let opened = false;
    try {
      const events = await docker.events(this.#heardAt - OVERLAP_MS, signal);
      opened = true;
      const listed = this.#list();
      for await (const event of events) this.#hear(event);
      await listed;
    } catch (error) {
      if (!(error instanceof WeftError)) throw error;
      if (!signal.aborted) log.debug({ error: errorMessage(error) }, 'no events of containers');
    }
    if (opened && !signal.aborted) log.info({}, "Docker's events ended; opening them again");
    return opened;
  }

  /** Looks at every container that runs, and at those that ran. */
  async #list(): Promise<void> {
    try {
      const running = await this.#parts.docker.running();
      for (const id of new Set([...running, ...this.#known.keys()])) this.#queue.add(id, 'later');
    } catch (error) {
      if (!(error instanceof WeftError)) throw error;
      this.#parts.log.warn({ error: errorMessage(error) }, 'containers could not be listed; trying again');
      await sleep(MAX_REOPEN_MS, undefined, { signal: this.#stop.signal, ref: false }).then(
        () => this.#list(),
        () => undefined,
      );
    }
  }

  #hear({ container, action, signal, at }: ContainerEvent): void {
    this.#heardAt = Math.max(this.#heardAt, at);
    switch (action) {
      case 'destroy':
        this.#forget(container);
        break;
      case 'kill':
        if (signal === SIGKILL || signal === (this.#known.get(container)?.stopSignal ?? SIGTERM))
          this.#noteStop(container, at);
        break;
      case 'die':
        this.#noteStop(container, at);
        this.#queue.add(container, 'now');
        break;
      case 'connect':
      case 'disconnect':
        // While a container is started or stopped the engine answers nothing about it; `start` or `die` says the rest.
        if (this.#known.get(container)?.running === true || this.#queue.has(container))
          this.#queue.add(container, 'now');
        break;
      default:
        this.#queue.add(container, 'now');
    }
  }

  #noteStop(container: string, at: number): void {
    this.#stopped.set(container, at);
    const known = this.#known.get(container);
    if (known !== undefined) this.#set({ ...known, stoppedAt: Math.max(known.stoppedAt, at) });
  }

  async #inspect(id: string): Promise<void> {
    const facts = await this.#parts.docker.inspect(id);
    if (this.#stop.signal.aborted) return;
    if (facts === undefined || !(facts.running || facts.endpoints.some((each) => each.id !== '')))
      this.#forget(id);
    else this.#set({ ...facts, stoppedAt: Math.max(facts.finishedAt, this.#stopped.get(id) ?? 0) });
  }

  #set(container: KnownContainer): void {
    const affected = this.#unlink(container.id);
    this.#known.set(container.id, container);
    for (const { id } of container.endpoints) {
      if (id === '') continue;
      this.#byEndpoint.set(id as EndpointId, container.id);
      affected.add(id as EndpointId);
    }
    this.#parts.changed(affected);
  }

  #forget(id: string): void {
    const affected = this.#unlink(id);
    this.#known.delete(id);
    this.#stopped.delete(id);
    if (affected.size > 0) this.#parts.changed(affected);
  }

  #unlink(id: string): Set<EndpointId> {
    const endpoints = new Set<EndpointId>();
    for (const { id: endpoint } of this.#known.get(id)?.endpoints ?? []) {
      if (this.#byEndpoint.get(endpoint as EndpointId) !== id) continue;
      this.#byEndpoint.delete(endpoint as EndpointId);
      endpoints.add(endpoint as EndpointId);
    }
    return endpoints;
  }
}
