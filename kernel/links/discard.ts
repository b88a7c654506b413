import { KernelError, type WeftError } from '../../core/errors.ts';
import { encodeLink, type NetlinkTransport, RTM } from '../netlink/index.ts';

/** Device group for links that are about to go: "weft" in ASCII, so that nobody else uses it. */
const DISCARD_GROUP = 0x77656674;
/** How long discarded links wait for company. */
const GATHER_MS = 20;

/** Says what happened to links nobody waits for. */
export type LinkLog = (event: {
  readonly message: string;
  readonly link?: string;
  readonly error?: unknown;
}) => void;

/**
 * Deletes links many at a time. RTM_DELLINK waits for RCU, 20–40 ms whether for one link or for hundreds, so they are
 * put into one device group and the group is deleted (net/core/rtnetlink.c: rtnl_group_dellink()).
 */
export class DiscardQueue {
  readonly #transport: NetlinkTransport;
  readonly #log: LinkLog;
  #waiting = new Set<string>();
  /** Names of the deletion under way. */
  #going = new Set<string>();
  readonly #followers = new Set<Set<string>>();
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;

  constructor(transport: NetlinkTransport, log: LinkLog) {
    this.#transport = transport;
    this.#log = log;
  }

  /** Deletes the links soon; never throws. */
  add(names: readonly string[]): void {
    for (const name of names) {
      this.#waiting.add(name);
      for (const follower of this.#followers) follower.add(name);
    }
    if (this.#waiting.size === 0) return;
    this.#timer ??= setTimeout(() => {
      // Also when a deletion is under way, which this joins: at its end the next wait begins.
      this.#timer = undefined;
      void this.#flush();
    }, GATHER_MS);
  }

  /** Resolves when none of `names` (absent: no link) waits; does not wait for company. Never rejects. */
  async settled(names?: readonly string[]): Promise<void> {
    const pending = (set: ReadonlySet<string>): boolean =>
      names === undefined ? set.size > 0 : names.some((name) => set.has(name));
    while (pending(this.#waiting) || pending(this.#going)) await this.#flush();
  }

  /** Names of the links that wait or are being deleted, now or at any time until disposed. */
  follow(): Disposable & { readonly names: ReadonlySet<string> } {
    const names = this.#waiting.union(this.#going);
    this.#followers.add(names);
    return { names, [Symbol.dispose]: () => void this.#followers.delete(names) };
  }

  /**
   * Deletes links together and waits; links that are gone already count as deleted.
   * @returns the refusals by name.
   */
  async deleteAll(names: readonly string[]): Promise<ReadonlyMap<string, Error>> {
    const grouped = await this.#transport.requestAll(
      names.map((name) => ({
        type: RTM.RTM_SETLINK,
        flags: 0,
        payload: encodeLink({}, { name, group: DISCARD_GROUP }),
        step: `delete link ${name}`,
      })),
    );
    const present = names.filter((_, i) => grouped[i]?.status === 'fulfilled');
    const refused = refusals(names, grouped);
    if (present.length === 0) return refused;
    try {
      const payload = encodeLink({}, { group: DISCARD_GROUP });
      await this.#transport.request(
        { type: RTM.RTM_DELLINK, flags: 0, payload },
        `delete ${present.length} links`,
      );
    } catch (error) {
      // One that cannot be deleted keeps the whole group, so each is tried on its own.
      if (!isGone(error))
        for (const [name, reason] of await this.#deleteEach(present)) refused.set(name, reason);
    }
    return refused;
  }

  async #deleteEach(names: readonly string[]): Promise<Map<string, Error>> {
    const results = await this.#transport.requestAll(
      names.map((name) => ({
        type: RTM.RTM_DELLINK,
        flags: 0,
        payload: encodeLink({}, { name }),
        step: `delete link ${name}`,
      })),
    );
    return refusals(names, results);
  }

  #flush(): Promise<void> {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
      if (this.#waiting.size > 0) this.add([]);
    });
    return this.#running;
  }

  async #run(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#going = this.#waiting;
    this.#waiting = new Set();
    const names = [...this.#going];
    try {
      for (const [link, error] of await this.deleteAll(names)) {
        this.#log({ message: 'link not deleted', link, error });
      }
    } catch (error) {
      this.#log({ message: 'links not deleted', error });
    } finally {
      this.#going = new Set();
    }
  }
}

function isGone(error: unknown): boolean {
  return error instanceof KernelError && error.errno === 'ENODEV';
}

function refusals(
  names: readonly string[],
  results: readonly PromiseSettledResult<unknown>[],
): Map<string, Error> {
  const refused = new Map<string, Error>();
  for (const [i, result] of results.entries()) {
    if (result.status === 'rejected' && !isGone(result.reason))
      refused.set(names[i] ?? '', result.reason as WeftError);
  }
  return refused;
}
