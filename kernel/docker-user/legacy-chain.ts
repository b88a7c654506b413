import { readFileSync } from 'node:fs';
import type { Family } from '../../core/address.ts';
import { KernelError } from '../../core/errors.ts';
import { inNamespace } from '../libc/index.ts';
import { type AcceptRule, CHAIN, TABLE } from './accept-rule.ts';
import { editXtChain, type XtEdit } from './xt-chain.ts';
import { encodeXtRule } from './xt-rule.ts';
import { type XtSnapshot, XtSocket } from './xt-socket.ts';
import { withXtablesLock } from './xtables-lock.ts';

/** Names of the tables that exist in the calling thread's namespace; reading them loads nothing. */
const TABLE_NAMES: Readonly<Record<Family, string>> = {
  4: '/proc/thread-self/net/ip_tables_names',
  6: '/proc/thread-self/net/ip6_tables_names',
};
/** How often a change by someone who ignores the lock file is answered by starting again. */
const ATTEMPTS = 5;

/** DOCKER-USER of one family as iptables-legacy keeps it (xtables in the kernel, without nf_tables). */
export class LegacyChain implements Disposable {
  readonly #family: Family;
  readonly #here: <T>(act: () => T) => T;
  #socket: XtSocket | undefined;
  /** What the table measured when `set` was last done with it. */
  #measured: string | undefined;

  /** @param namespace namespace file; absent: the process' own. */
  constructor(family: Family, namespace?: string) {
    this.#family = family;
    this.#here = namespace === undefined ? (act) => act() : (act) => inNamespace(namespace, act);
  }

  /**
   * Makes `rules` all of weft's rules, behind all others that are ever judged: before the chain's first bare RETURN.
   * True when that changed something. A chain that does not exist stays so.
   * @throws {KernelError} when the kernel refuses the table.
   * @throws {Unavailable} when others go on changing it.
   */
  async set(rules: readonly AcceptRule[]): Promise<boolean> {
    if (!this.#here(() => hasTable(TABLE_NAMES[this.#family]))) return false;
    const wanted = rules.map((rule) => encodeXtRule(this.#family, rule));
    const differs = this.#compare(wanted).edit.kind === 'changed';
    const changed = differs && (await withXtablesLock(() => this.#write(wanted)));
    this.#measured = this.#socket?.measure(TABLE);
    return changed;
  }

  /** Whether the table has another size than after the last `set`: the kernel sends no notifications of it. */
  resized(): boolean {
    if (!this.#here(() => hasTable(TABLE_NAMES[this.#family]))) return false;
    return this.#socket === undefined || this.#socket.measure(TABLE) !== this.#measured;
  }

  #compare(wanted: readonly Uint8Array[]): { readonly was: XtSnapshot; readonly edit: XtEdit } {
    this.#socket ??= this.#here(() => new XtSocket(this.#family));
    const socket = this.#socket;
    const was = retried(() => socket.read(TABLE));
    return { was, edit: editXtChain(was.table, CHAIN, wanted) };
  }

  #write(wanted: readonly Uint8Array[]): boolean {
    return retried(() => {
      const { was, edit } = this.#compare(wanted);
      if (edit.kind !== 'changed') return false;
      this.#socket?.replace(was, edit.table);
      return true;
    });
  }

  [Symbol.dispose](): void {
    this.#socket?.[Symbol.dispose]();
    this.#socket = undefined;
  }
}

function hasTable(names: string): boolean {
  try {
    return readFileSync(names, 'utf8').split('\n').includes(TABLE);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false;
    throw error;
  }
}

function retried<T>(act: () => T): T {
  for (let attempt = 1; ; attempt++) {
    try {
      return act();
    } catch (error) {
      const changedMeanwhile = error instanceof KernelError && error.errno === 'EAGAIN';
      if (!changedMeanwhile || attempt === ATTEMPTS) throw error;
    }
  }
}
