import type { Family } from '../../core/address.ts';
import { addressOf, closeFd, getSocketOption, openSocket, setSocketOption } from '../libc/index.ts';
import { NF_INET_NUMHOOKS } from './xt-layout.ts';
import { decodeXtTable, encodeXtTable, viewOf, type XtTable } from './xt-table.ts';

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_RAW = 3;
const IPPROTO_RAW = 255;
const SOL_IP = 0;
const SOL_IPV6 = 41;
/** The numbers for ip6_tables are the same (IP6T_SO_…). */
const IPT_SO = { SET_REPLACE: 64, SET_ADD_COUNTERS: 65, GET_INFO: 64, GET_ENTRIES: 65 } as const;

/** struct ipt_getinfo: name, valid_hooks, hook_entry[5], underflow[5], num_entries, size. */
const INFO = { validHooks: 32, hookEntry: 36, underflow: 56, entries: 76, tableSize: 80, size: 84 } as const;
/** struct ipt_get_entries and xt_counters_info: name, u32, padding, then the array. */
const ARRAY = { count: 32, start: 40 } as const;
/** struct ipt_replace: name, valid_hooks, num_entries, size, hook_entry[5], underflow[5], num_counters, *counters. */
const REPLACE = {
  validHooks: 32,
  entries: 36,
  tableSize: 40,
  hookEntry: 44,
  underflow: 64,
  countersCount: 84,
  counters: 88,
  size: 96,
} as const;
const COUNTERS_SIZE = 16;

/** A table as read, with what the kernel wants back when it is replaced. */
export interface XtSnapshot {
  readonly name: string;
  readonly validHooks: number;
  readonly table: XtTable;
}

/** A raw socket for the xtables options of one family; holds one descriptor. */
export class XtSocket implements Disposable {
  readonly #family: Family;
  readonly #fd: number;
  readonly #level: number;

  /** @throws {KernelError} `EAFNOSUPPORT` where the kernel has no IPv6. */
  constructor(family: Family) {
    this.#family = family;
    this.#level = family === 4 ? SOL_IP : SOL_IPV6;
    this.#fd = openSocket(family === 4 ? AF_INET : AF_INET6, SOCK_RAW, IPPROTO_RAW);
  }

  /**
   * How large the table is now: numbers that differ after almost every change, for the price of one small question.
   * @throws {KernelError}
   */
  measure(name: string): string {
    const info = named(name, INFO.size);
    getSocketOption(this.#fd, this.#level, IPT_SO.GET_INFO, info);
    const view = viewOf(info);
    return `${view.getUint32(INFO.entries, true)} ${view.getUint32(INFO.tableSize, true)}`;
  }

  /**
   * The table as it is now. Asking for a table that nobody uses yet makes it, so ask for known ones only.
   * @throws {KernelError} `EAGAIN` when it changed between the two questions this takes.
   */
  read(name: string): XtSnapshot {
    const info = named(name, INFO.size);
    getSocketOption(this.#fd, this.#level, IPT_SO.GET_INFO, info);
    const view = viewOf(info);
    const size = view.getUint32(INFO.tableSize, true);
    const request = named(name, ARRAY.start + size);
    viewOf(request).setUint32(ARRAY.count, size, true);
    getSocketOption(this.#fd, this.#level, IPT_SO.GET_ENTRIES, request);
    const offsets = (start: number) =>
      Array.from({ length: NF_INET_NUMHOOKS }, (_, hook) => view.getUint32(start + hook * 4, true));
    const hooks = { hookEntry: offsets(INFO.hookEntry), underflow: offsets(INFO.underflow) };
    const table = decodeXtTable(this.#family, request.subarray(ARRAY.start), hooks);
    return { name, validHooks: view.getUint32(INFO.validHooks, true), table };
  }

  /**
   * Swaps in an edited table; rules that are the same entries in both keep their counters.
   * @throws {KernelError} `EAGAIN` when the number of rules is not the one read any more.
   */
  replace(was: XtSnapshot, table: XtTable): void {
    const counted = this.#swap(was, table);
    const before = new Map(was.table.entries.map((entry, index) => [entry, index * COUNTERS_SIZE]));
    const add = named(was.name, ARRAY.start + table.entries.length * COUNTERS_SIZE);
    viewOf(add).setUint32(ARRAY.count, table.entries.length, true);
    for (const [index, entry] of table.entries.entries()) {
      const from = before.get(entry);
      if (from === undefined) continue;
      add.set(counted.subarray(from, from + COUNTERS_SIZE), ARRAY.start + index * COUNTERS_SIZE);
    }
    setSocketOption(this.#fd, this.#level, IPT_SO.SET_ADD_COUNTERS, add);
  }

  /** The counters of the old table's rules at the moment of the swap, which starts all rules at zero. */
  #swap(was: XtSnapshot, table: XtTable): Uint8Array {
    const { blob, hookEntry, underflow } = encodeXtTable(table);
    const counters = new Uint8Array(was.table.entries.length * COUNTERS_SIZE);
    const request = named(was.name, REPLACE.size + blob.length);
    const view = viewOf(request);
    view.setUint32(REPLACE.validHooks, was.validHooks, true);
    view.setUint32(REPLACE.entries, table.entries.length, true);
    view.setUint32(REPLACE.tableSize, blob.length, true);
    for (const [hook, offset] of hookEntry.entries())
      view.setUint32(REPLACE.hookEntry + hook * 4, offset, true);
    for (const [hook, offset] of underflow.entries())
      view.setUint32(REPLACE.underflow + hook * 4, offset, true);
    view.setUint32(REPLACE.countersCount, was.table.entries.length, true);
    view.setBigUint64(REPLACE.counters, addressOf(counters), true);
    request.set(blob, REPLACE.size);
    setSocketOption(this.#fd, this.#level, IPT_SO.SET_REPLACE, request);
    return counters;
  }

  [Symbol.dispose](): void {
    closeFd(this.#fd);
  }
}

function named(table: string, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  bytes.set(Buffer.from(table));
  return bytes;
}
