import { setTimeout as sleep } from 'node:timers/promises';
import { CLUSTER_KEYS, type ClusterNetwork } from '../../core/cluster.ts';
import { Conflict, errorMessage, Unavailable, WeftError } from '../../core/errors.ts';
import type { NetworkId } from '../../core/ids.ts';
import type { Network } from '../../core/model.ts';
import type { SharedView, Store } from '../../core/ports.ts';
import { dockerCreateRequest, type OverlayOptions } from '../../drivers/overlay/index.ts';
import type { Engine } from '../docker/index.ts';
import type { Repository } from '../state/index.ts';
import { Attendance } from './attendance.ts';
import type { Definitions } from './definitions.ts';
import { Departures } from './departures.ts';
import { LeftNotes } from './left-notes.ts';
import type { Log } from './log.ts';
import type { NetworkBinder } from './network-binder.ts';

/** A comparison at least this often, for what Docker or the store refused. */
const EVERY_MS = 5000;
/** While it is not known yet what others have, or whether they use what was removed here. */
const SOON_MS = 1000;
/** Docker shows a network a moment after it has been answered; asked so often, so long. */
const NAME_EVERY_MS = 15;
const NAME_TRIES = 40;
const REMOVED = 'removed from the cluster; removing it here';

type Overlay = Network<OverlayOptions>;

export interface NetworkSyncParts {
  readonly shared: SharedView;
  /** This host's own store. */
  readonly local: Store;
  readonly repository: Repository;
  readonly definitions: Definitions;
  readonly binder: NetworkBinder;
  /** Absent with `--docker none`: networks are then made and removed by hand on this host. */
  readonly engine: Engine | undefined;
  readonly node: string;
  /** False while this host is fenced. */
  readonly mayAct: () => boolean;
  /** Whether all subnets of a network were chosen by weft, so that nobody asked for these. */
  readonly chosenByWeft: (network: Network) => boolean;
  readonly log: Log;
}

/**
 * Makes this host's dockerd have the cluster's networks, and the cluster have this host's. Compares both whenever one
 * of them may have changed; nothing depends on having seen the change itself.
 */
export class NetworkSync implements AsyncDisposable {
  readonly #parts: NetworkSyncParts;
  readonly #notes: LeftNotes;
  readonly #attendance: Attendance;
  readonly #departures: Departures;
  readonly #subscription: Disposable;
  readonly #drops: Disposable;
  /** A network of this host is being removed; the cluster hears of it once it is no longer stored here. */
  #leaving = false;
  #running: Promise<void> | undefined;
  #wanted = false;
  #stopped = false;
  #timer: NodeJS.Timeout | undefined;
  /** What was said last of each network, so that a lasting refusal is logged once. */
  readonly #said = new Map<string, string>();

  constructor(parts: NetworkSyncParts) {
    this.#parts = parts;
    this.#notes = new LeftNotes(parts.local);
    this.#attendance = new Attendance(parts);
    this.#departures = new Departures({ ...parts, attendance: this.#attendance });
    const prefixes = [CLUSTER_KEYS.network, CLUSTER_KEYS.gone, CLUSTER_KEYS.joined, CLUSTER_KEYS.left];
    this.#subscription = parts.shared.subscribe((events) => {
      if (events.some(({ entry }) => prefixes.some((prefix) => entry.key.startsWith(prefix)))) this.poke();
    });
    this.#drops = parts.repository.observe({
      put: () => undefined,
      drop: () => {
        if (this.#leaving) this.poke();
      },
    });
    this.poke();
  }

  /** Compares soon. */
  poke(): void {
    this.#wanted = true;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
      if (this.#wanted && !this.#stopped) this.poke();
    });
  }

  /** A network of the cluster's was removed on this host; durable when it resolves. */
  async left({ tunnel, request }: Network): Promise<void> {
    // One of two that Docker has under one name: the other stays.
    const isTwin = this.#overlays().some(
      (other) => other.request.id !== request.id && other.tunnel?.name === tunnel?.name,
    );
    if (tunnel === undefined || isTwin) return;
    await this.#notes.add(tunnel.name, tunnel.id);
    this.#leaving = true;
    this.poke();
  }

  /** A network was made on this host, perhaps one that had been removed here before. */
  created({ tunnel }: Network): void {
    if (tunnel === undefined) {
      this.poke();
      return;
    }
    void this.#tolerate(tunnel.name, () => this.#notes.remove(tunnel.name)).then(() => this.poke());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#subscription[Symbol.dispose]();
    this.#drops[Symbol.dispose]();
    await this.#running;
  }

  async #run(): Promise<void> {
    clearTimeout(this.#timer);
    this.#wanted = false;
    // Gathers what one turn of the event loop brings.
    await Promise.resolve();
    if (this.#parts.mayAct()) await this.#pass();
    if (this.#stopped) return;
    const soon = this.#leaving || this.#parts.shared.status.behind;
    this.#timer = setTimeout(() => this.poke(), soon ? SOON_MS : EVERY_MS);
    this.#timer.unref();
  }

  async #pass(): Promise<void> {
    for (const network of this.#overlays()) {
      await this.#compare(network.request.id, () =>
        network.tunnel === undefined ? this.#name(network) : this.#keep(network),
      );
    }
    const left = await this.#notes.list();
    this.#leaving = left.length > 0;
    for (const { name, id } of left) await this.#compare(name, () => this.#tellLeft(name, id));
    for (const definition of this.#parts.definitions.all()) {
      await this.#compare(definition.name, () => this.#propagate(definition));
    }
    await this.#compare('networks that are no more', () => this.#attendance.forget());
  }

  /** What this host itself has told would be missed, and a network be taken for lost, or for one to be made here. */
  async #compare(about: string, task: () => Promise<void>): Promise<void> {
    if (!this.#parts.shared.status.behind) await this.#tolerate(about, task);
  }

  #overlays(): readonly Overlay[] {
    return [...this.#parts.repository.networks()].filter(
      (network): network is Overlay => network.driver === 'weft-overlay',
    );
  }

  /** A network without a tunnel gets the one that belongs to its name. */
  async #name(network: Overlay): Promise<void> {
    const { engine, binder } = this.#parts;
    const { id } = network.request;
    const name =
      network.options.network ?? (engine === undefined ? undefined : await this.#askName(engine, id));
    if (name === undefined) return;
    if (await binder.bind(id, name)) return this.poke();
    await this.#giveWay(network, name);
  }

  async #askName(engine: Engine, id: NetworkId): Promise<string | undefined> {
    for (let attempt = 0; attempt < NAME_TRIES && !this.#stopped; attempt++) {
      const shown = await engine.network(id);
      if (shown !== undefined) return shown.name;
      await sleep(NAME_EVERY_MS);
    }
    return undefined;
  }

  /**
   * Two hosts have made one name at the same time, and the other was first: a network whose subnets nobody asked for,
   * and that nobody uses, makes room for the cluster's.
   */
  async #giveWay(network: Overlay, name: string): Promise<void> {
    const { engine, definitions, repository, chosenByWeft, log } = this.#parts;
    const { id } = network.request;
    const cluster = definitions.get(name);
    if (engine === undefined || cluster === undefined || network.options.network !== undefined) return;
    const isTwin = this.#isHere(name, cluster.id);
    if (repository.endpointCount(id) > 0 || !(isTwin || chosenByWeft(network))) return;
    log.info({ networkId: id, network: name }, 'made on another host first; taking its definition');
    await engine.removeNetwork(id);
    this.poke();
  }

  /** A bound network and its definition. */
  async #keep(network: Overlay): Promise<void> {
    const { definitions, repository, binder } = this.#parts;
    const { tunnel, request } = network;
    if (tunnel === undefined) return;
    const definition = definitions.get(tunnel.name);
    if (definition?.id === tunnel.id) return this.#attendance.join(definition);
    // One made since under the same name is made here too once this one is out of its way.
    const gone = definitions.isGone(tunnel.name, tunnel.id);
    if (gone && repository.endpointCount(request.id) === 0) return this.#removeHere(network);
    if (definition !== undefined) {
      await binder.bind(request.id, tunnel.name);
      return;
    }
    const lost = binder.definitionOf(network);
    if (lost === undefined) return;
    this.#parts.log.warn(
      { network: tunnel.name },
      'the cluster has lost this network, which is in use here; telling it',
    );
    await definitions.restore(lost);
  }

  async #removeHere(network: Overlay): Promise<void> {
    const { engine, log } = this.#parts;
    const { id } = network.request;
    const name = network.tunnel?.name;
    if (engine === undefined) {
      this.#say(id, `network ${name} was removed from the cluster: remove it here too (docker network rm)`);
      return;
    }
    // Docker may know nothing of it, when weftd died while it was being made: the collector removes it then.
    if (this.#said.get(id) !== REMOVED) log.info({ networkId: id, network: name }, REMOVED);
    this.#said.set(id, REMOVED);
    await engine.removeNetwork(id);
  }

  async #tellLeft(name: string, id: string): Promise<void> {
    if (this.#isHere(name, id)) return;
    if (await this.#departures.tell(name, id)) await this.#notes.remove(name);
  }

  #isHere(name: string, id: string): boolean {
    return this.#overlays().some(({ tunnel }) => tunnel?.name === name && tunnel.id === id);
  }

  /** A definition that this host has no network for. */
  async #propagate(definition: ClusterNetwork): Promise<void> {
    const { engine, log } = this.#parts;
    const { name } = definition;
    const here = this.#overlays().some(
      ({ tunnel, options }) => tunnel?.name === name || (tunnel === undefined && options.network === name),
    );
    if (here || engine === undefined || this.#attendance.hasLeft(definition)) return;
    // Removed here, and the cluster cannot be told yet: making it would take the removal back.
    if (await this.#notes.has(name, definition.id)) return;
    try {
      const body = dockerCreateRequest(definition, { 'weft.network': name });
      await this.#parts.binder.follow(definition, () => engine.createNetwork(body));
      log.info({ network: name }, 'made on another host; made here too');
      this.#said.delete(name);
      this.poke();
    } catch (error) {
      if (!(error instanceof Conflict || error instanceof Unavailable)) throw error;
      this.#say(name, error.message);
      await this.#attendance.refuse(definition, error.message);
    }
  }

  #say(about: string, reason: string): void {
    if (this.#said.get(about) === reason) return;
    this.#said.set(about, reason);
    this.#parts.log.warn({ network: about, reason }, 'network not as the cluster has it');
  }

  /** One network that is refused must not keep the others from being compared. */
  async #tolerate(about: string, task: () => Promise<void>): Promise<void> {
    try {
      await task();
    } catch (error) {
      if (!(error instanceof WeftError)) throw error;
      this.#parts.log.debug({ about, error: errorMessage(error) }, 'not compared');
    }
  }
}
