import { CLUSTER_KEYS } from '../../core/cluster.ts';
import type { SharedView } from '../../core/ports.ts';
import type { Attendance } from './attendance.ts';
import type { Definitions } from './definitions.ts';
import { nodeOf } from './endpoint-publisher.ts';
import type { Log } from './log.ts';
import { keys } from './records.ts';

/** A host tells of an endpoint that is no more within this time, milliseconds. */
const TOLD_WITHIN_MS = 3000;

export interface DeparturesParts {
  readonly shared: SharedView;
  readonly definitions: Definitions;
  readonly attendance: Attendance;
  readonly node: string;
  readonly log: Log;
  /** Milliseconds that only ever go up; absent: those of the process. */
  readonly elapsed?: () => number;
}

/** Networks that were removed on this host, and what the cluster is told of it: that they are no more, or left here. */
export class Departures {
  readonly #parts: DeparturesParts;
  /** By network id: since when others have been seen to use it. */
  readonly #usedSince = new Map<string, number>();
  /** By network id: the store has it. */
  readonly #told = new Set<string>();

  constructor(parts: DeparturesParts) {
    this.#parts = parts;
  }

  /**
   * The last to leave, or the first where nobody uses it any more, takes the definition along. Whether somebody uses it
   * is known only once all who seem to have had time to tell: what ended there as it was removed here, or while the host
   * was out of touch, would otherwise keep the network for ever.
   * @returns false until the local copy of the cluster shows what was told, and so nobody takes the network for one that
   * is to be made here: to be asked again.
   * @throws {Conflict} when the network was changed meanwhile. {Unavailable}
   */
  async tell(name: string, id: string): Promise<boolean> {
    const { definitions, attendance } = this.#parts;
    const definition = definitions.get(name);
    if (definition?.id !== id || (this.#told.has(id) && attendance.hasLeft(definition))) {
      this.#usedSince.delete(id);
      this.#told.delete(id);
      return true;
    }
    const users = this.#users(name);
    if (users.size === 0) {
      await definitions.remove(definition);
      this.#say(id, name, 'removed from the cluster');
    } else if (this.#isCertain(name, id, users)) {
      await attendance.leave(definition);
      this.#say(id, name, 'removed on this host; others use it');
    }
    return false;
  }

  #say(id: string, name: string, what: string): void {
    if (!this.#told.has(id)) this.#parts.log.info({ network: name }, what);
    this.#told.add(id);
  }

  #users(name: string): ReadonlySet<string> {
    const { shared, node } = this.#parts;
    const nodes = [...shared.entries(`${CLUSTER_KEYS.endpoint}${name}/`)].map(({ key }) => nodeOf(key) ?? '');
    return new Set(nodes.filter((user) => user !== node));
  }

  #isCertain(name: string, id: string, users: ReadonlySet<string>): boolean {
    const { shared, log, elapsed = () => performance.now() } = this.#parts;
    const now = elapsed();
    const since = this.#usedSince.get(id);
    if (since === undefined) this.#usedSince.set(id, now);
    const silent = [...users].filter((user) => shared.get(keys.alive(user)) === undefined);
    if (silent.length === users.size) {
      // They may have ended what they had; counted from their return.
      this.#usedSince.set(id, now);
      if (since === undefined)
        log.info(
          { network: name, nodes: silent },
          'removed on this host; those who used it are out of touch',
        );
      return false;
    }
    return since !== undefined && now - since >= TOLD_WITHIN_MS;
  }
}
