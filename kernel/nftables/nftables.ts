import { DecodeError, NotFound, Unavailable } from '../../core/errors.ts';
import type { ElementObject, KernelObject } from '../../core/kernel-objects.ts';
import type { NftFamily } from '../../core/nft.ts';
import type { Step } from '../../core/ports.ts';
import type { NetlinkTransport } from '../netlink/index.ts';
import { encodeMessages, openEvents, openTransport } from '../netlink/index.ts';
import { commitSteps, deleteTables } from './commit.ts';
import {
  decodeGeneration,
  getGeneration,
  readContent,
  readElements,
  readGeneration,
  readTables,
} from './dump.ts';
import { type Expected, isAsExpected } from './expected.ts';
import { type InstalledContent, installedFingerprint } from './fingerprint.ts';
import { CommitWatch } from './generation-watch.ts';
import { GroupCommit } from './group-commit.ts';
import { assertCommitted, type LaidOut } from './laid-out.ts';
import { type LinkIndexes, withIndexes, withNames } from './link-elements.ts';
import { SetCache } from './set-cache.ts';
import { splitShortcuts } from './shortcut.ts';
import { hasShortcuts } from './shortcut-support.ts';
import { readTallies, type Tally } from './tally.ts';
import { type ElementTally, readTallyAnswers, type TallyQuery } from './tally-query.ts';

const NETLINK_NETFILTER = 12;
const NFNLGRP_NFTABLES = 7;
/** Readings that others may disturb before one is made while our own changes wait. */
const FREE_READINGS = 3;
const MAX_READINGS = 12;

const ASK_GENERATION = encodeMessages([getGeneration()], 1);

/** weft's tables of one network namespace. */
export class Nftables implements AsyncDisposable {
  readonly #transport: NetlinkTransport;
  readonly #namespace: string | undefined;
  readonly #names: ReadonlySet<string>;
  readonly #sets: SetCache;
  readonly #commits: GroupCommit<Step>;
  readonly #links: LinkIndexes | undefined;

  private constructor(
    transport: NetlinkTransport,
    names: readonly string[],
    { namespace, links }: { readonly namespace?: string; readonly links?: LinkIndexes },
  ) {
    this.#transport = transport;
    this.#namespace = namespace;
    this.#names = new Set(names);
    this.#sets = new SetCache(transport);
    this.#links = links;
    this.#commits = new GroupCommit(async (steps) =>
      commitSteps(transport, this.#sets, await withIndexes(steps, links)),
    );
  }

  /**
   * @param options.namespace path of a namespace file; absent: where the process is.
   * @param options.tables names that are ours in both families; no other table is read or changed.
   * @param options.links of the same namespace; needed for tables of family netdev only.
   * @throws {KernelError} when the namespace cannot be entered or a socket not be made.
   */
  static async open(options: {
    readonly namespace?: string;
    readonly tables: readonly string[];
    readonly links?: LinkIndexes;
  }): Promise<Nftables> {
    const { namespace, tables } = options;
    const where = namespace === undefined ? {} : { namespace };
    return new Nftables(openTransport({ protocol: NETLINK_NETFILTER, ...where }), tables, options);
  }

  /** For reading and changing tables that are not weft's, on the same socket. */
  get transport(): NetlinkTransport {
    return this.#transport;
  }

  /** Whether the kernel has what shortcuts need. @throws {KernelError} */
  hasShortcuts(): Promise<boolean> {
    return hasShortcuts(this.#transport);
  }

  /**
   * Our tables (fingerprint, no content) and all their elements but those of sets that rules change, as of one moment.
   * @throws {Unavailable} when the ruleset changes during each of many readings.
   */
  async snapshot(): Promise<KernelObject[]> {
    for (let reading = 1; reading <= MAX_READINGS; reading++) {
      const read = () => this.#readOnce();
      const objects = await (reading <= FREE_READINGS ? read() : this.#commits.exclusive(read));
      if (objects !== undefined) return objects;
    }
    throw new Unavailable(`nft snapshot: the ruleset changed during each of ${MAX_READINGS} readings`);
  }

  /** Undefined when the ruleset changed meanwhile. */
  async #readOnce(): Promise<KernelObject[] | undefined> {
    const generation = await readGeneration(this.#transport);
    const objects: KernelObject[] = [];
    for (const { family, name } of await readTables(this.#transport)) {
      if (!this.#names.has(name)) continue;
      const content = await readContent(this.#transport, family, name);
      if (content === undefined) return undefined;
      for (const object of await this.#readTable(family, name, content)) objects.push(object);
    }
    return (await readGeneration(this.#transport)) === generation ? objects : undefined;
  }

  async #readTable(family: NftFamily, name: string, content: InstalledContent): Promise<KernelObject[]> {
    const { shortcuts, rest } = splitShortcuts(family, name, content);
    const objects: KernelObject[] = [
      { kind: 'table', family, name, fingerprint: installedFingerprint(family, name, rest) },
      ...shortcuts,
    ];
    // What rules have put into a set is nobody's intent.
    for (const set of content.sets.filter((each) => each.set?.dynamic !== true)) {
      const elements = await readElements(this.#transport, family, name, set);
      const named = family === 'netdev' ? await withNames(elements, this.#links) : elements;
      for (const element of named) objects.push(element);
    }
    return objects;
  }

  /**
   * Whether our tables are exactly as expected: costs a tenth of a snapshot. False also when the ruleset changes
   * meanwhile, or holds what weft cannot read.
   * @throws {KernelError} when it cannot be read at all.
   */
  async holds(expected: Expected): Promise<boolean> {
    const before = await readGeneration(this.#transport);
    try {
      if (!(await isAsExpected(this.#transport, this.#names, expected))) return false;
    } catch (error) {
      if (error instanceof DecodeError) return false;
      throw error;
    }
    return (await readGeneration(this.#transport)) === before;
  }

  /**
   * Makes steps of kinds `table`, `element` and `shortcut` so, in one transaction with those of other calls of the
   * same turn.
   * Creating or replacing a table brings it to `object.table`, whatever is there: rules are made again, chains and
   * sets only where they differ, and elements of unchanged sets stay. Creating an element that is there with equal
   * data and deleting anything that is gone succeed.
   * @throws {KernelError} when the kernel refuses one of this call's steps; none of them has taken effect.
   * @throws {InvalidArgument} when an element does not fit its set.
   */
  apply(steps: readonly Step[]): Promise<void> {
    return this.#commits.add(steps);
  }

  /**
   * Commits what was laid out before, in this turn: the kernel takes 30 µs for a few elements.
   * @returns false, with nothing done, while this socket is in use.
   * @throws {KernelError} when the kernel refuses; nothing has taken effect then.
   */
  commitNow(laid: LaidOut): boolean {
    if (laid.size === 0) return true;
    const answers = this.#transport.exchangeNow(laid.bytes, laid.size + 1);
    if (answers === undefined) return false;
    this.#forgetSets(laid);
    assertCommitted(laid, answers);
    return true;
  }

  /** As `commitNow`, behind whatever is under way and not in this turn: for more than a few elements. */
  async commit(laid: LaidOut): Promise<void> {
    if (laid.size === 0) return;
    await this.#commits.exclusive(() => this.#transport.batch(laid.messages, laid.steps));
    this.#forgetSets(laid);
  }

  /** As `commitNow`, in the thread pool. Undefined, with nothing done, while this socket is in use. */
  commitAside(laid: LaidOut): Promise<void> | undefined {
    if (laid.size === 0) return Promise.resolve();
    return this.#transport.exchangeAside(laid.bytes, laid.size + 1)?.then((answers) => {
      this.#forgetSets(laid);
      assertCommitted(laid, answers);
    });
  }

  #forgetSets({ tables }: LaidOut): void {
    for (const [family, name] of tables) this.#sets.forget(family, name);
  }

  /**
   * Number of the ruleset's last change in this namespace, whoever made it: every transaction that takes effect adds
   * one. Undefined while this socket is in use.
   */
  generationNow(): number | undefined {
    const answers = this.#transport.exchangeNow(ASK_GENERATION, 1);
    const [answer] = answers ?? [];
    return answer === undefined ? undefined : decodeGeneration(answer);
  }

  /**
   * Calls `onHint` after each transaction of another socket that touches one of our tables or one of `chains` in any
   * table, until disposed.
   */
  watch(onHint: () => void, chains: readonly string[] = []): AsyncDisposable {
    const watch = new CommitWatch(this.#transport.port, { tables: this.#names, chains: new Set(chains) });
    return openEvents({
      protocol: NETLINK_NETFILTER,
      groups: [NFNLGRP_NFTABLES],
      ...(this.#namespace === undefined ? {} : { namespace: this.#namespace }),
      onMessage: (message) => {
        if (watch.take(message)) onHint();
      },
      onOverrun: onHint,
    });
  }

  /**
   * What the elements of a counting set have counted.
   * @throws {NotFound} when the table has no such set, or it does not count.
   */
  async tallies(family: NftFamily, table: string, name: string): Promise<readonly Tally[]> {
    await this.#sets.load(family, table);
    const set = this.#sets.find(family, table, name)?.set;
    if (!set?.counter)
      throw new NotFound(`table ${family} ${table} has no set ${name} that counts`, { table });
    return readTallies(this.#transport, family, table, set);
  }

  /** The counters that a question asks for, in this turn; undefined while this socket is in use. @throws {WeftError} */
  talliesNow(query: TallyQuery): readonly ElementTally[] | undefined {
    const answers = this.#transport.exchangeNow(query.bytes, query.sets.length);
    return answers && readTallyAnswers(query, answers);
  }

  /** The elements of one set, also of one that rules change; none when there is no such set. */
  async elements(family: NftFamily, table: string, name: string): Promise<readonly ElementObject[]> {
    await this.#sets.load(family, table);
    const set = this.#sets.find(family, table, name);
    return set === undefined ? [] : readElements(this.#transport, family, table, set);
  }

  /** Deletes our tables of both families with all that is in them. */
  async cleanup(): Promise<void> {
    const tables = await readTables(this.#transport);
    const ours = tables.filter(({ name }) => this.#names.has(name));
    await this.#commits.exclusive(() =>
      deleteTables(
        this.#transport,
        this.#sets,
        ours.map(({ family, name }) => [family, name]),
      ),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#commits.exclusive(async () => this.#transport[Symbol.asyncDispose]());
  }
}
