import { closeSync, constants, openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Unavailable } from '../../core/errors.ts';
import { tryLockFile } from '../libc/index.ts';

/** The lock all iptables-legacy programs take (iptables/xshared.h: XT_LOCK_NAME). */
const LOCK_FILE = '/run/xtables.lock';
const RETRY_MS = 10;
const PATIENCE_MS = 3000;

/**
 * Runs `act` while no iptables-legacy is between reading and replacing a table: the kernel itself notices only a
 * changed number of rules. `act` is synchronous, so the lock is held for microseconds.
 * @throws {Unavailable} when somebody holds the lock for three seconds.
 */
export async function withXtablesLock<T>(act: () => T): Promise<T> {
  const fd = openSync(LOCK_FILE, constants.O_RDONLY | constants.O_CREAT, 0o600);
  try {
    for (let waited = 0; !tryLockFile(fd); waited += RETRY_MS) {
      if (waited >= PATIENCE_MS) {
        throw new Unavailable(`lock ${LOCK_FILE}: another program has held it for ${PATIENCE_MS} ms`);
      }
      await sleep(RETRY_MS);
    }
    return act();
  } finally {
    closeSync(fd);
  }
}
