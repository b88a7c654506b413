import { InvalidArgument } from '../core/errors.ts';
import { quote } from '../core/ids.ts';
import type { Txn } from '../core/ports.ts';

const MAX_KEY_BYTES = 512;
/** An endpoint with 5,000 published ports on both families is 1.5 MB. */
const MAX_VALUE_BYTES = 8 << 20;

/**
 * Refuses a transaction that the stores would understand differently: keys that are not 1–512 bytes of well-formed
 * text without NUL, values over 8 MiB, and keys that one transaction changes twice.
 * @throws {InvalidArgument} naming the key.
 */
export function checkTxn(txn: Txn): void {
  for (const { key } of txn.expect ?? []) checkKey(key);
  const changed = new Set<string>();
  for (const { key, value } of txn.put ?? []) {
    checkChange(key, changed);
    if (value.length > MAX_VALUE_BYTES) {
      throw new InvalidArgument(
        `value of ${quote(key)} has ${value.length} bytes: at most ${MAX_VALUE_BYTES}`,
      );
    }
  }
  for (const key of txn.delete ?? []) checkChange(key, changed);
}

/** Whether a watch shows it for certain: deleting what is not there changes nothing. */
export function isShownByWatch({ put = [] }: Txn): boolean {
  return put.length > 0;
}

function checkChange(key: string, changed: Set<string>): void {
  checkKey(key);
  if (changed.has(key)) throw new InvalidArgument(`key ${quote(key)} is changed twice in one transaction`);
  changed.add(key);
}

function checkKey(key: string): void {
  const bytes = Buffer.byteLength(key);
  if (bytes < 1 || bytes > MAX_KEY_BYTES || key.includes('\0') || !key.isWellFormed()) {
    throw new InvalidArgument(`key ${quote(key)} is not 1–${MAX_KEY_BYTES} bytes of text without NUL`);
  }
}
