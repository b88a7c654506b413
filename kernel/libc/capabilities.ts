import { checked, libcFunction } from './call.ts';

const prctl = libcFunction<[number, number, number, number, number]>(
  'int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)',
);
const capget = libcFunction<[Uint32Array, Uint32Array]>('int capget(void *header, void *data)');
const capset = libcFunction<[Uint32Array, Uint32Array]>('int capset(void *header, const void *data)');

/** include/uapi/linux/capability.h */
export const CAPABILITY = { SYS_ADMIN: 21 } as const;

/** include/uapi/linux/prctl.h, securebits.h and capability.h */
const PR_GET_SECUREBITS = 27;
const PR_SET_SECUREBITS = 28;
const SECBIT_NOROOT = 1;
const PR_SET_NO_NEW_PRIVS = 38;
const PR_CAP_AMBIENT = 47;
const PR_CAP_AMBIENT_RAISE = 2;
const PR_CAP_AMBIENT_CLEAR_ALL = 4;
const VERSION_3 = 0x20080522;

/** Effective, permitted and inheritable sets of a thread: capabilities 0–31 first, then 32–63. */
type Sets = Uint32Array;

function header(): Uint32Array {
  return Uint32Array.of(VERSION_3, 0);
}

function readSets(): Sets {
  const sets = new Uint32Array(6);
  checked(capget(header(), sets), 'capget');
  return sets;
}

function inheriting(sets: Sets, kept: readonly number[]): Sets {
  const changed = sets.slice();
  changed[2] = 0;
  changed[5] = 0;
  for (const capability of kept) {
    const word = capability < 32 ? 2 : 5;
    changed[word] = (changed[word] ?? 0) | (1 << (capability % 32));
  }
  return changed;
}

/**
 * Runs `act` so that a program it starts has these capabilities and no others, in each of its threads from the first
 * on, although its user is root (capabilities(7): ambient set, SECBIT_NOROOT). A program that has begun cannot do
 * that for itself: capset(2) is for one thread, and Node has several before any script runs. This process keeps what
 * it has. `act` must be synchronous and start the program from this very thread, as Node's spawn does.
 * @throws {KernelError} `EPERM` without CAP_SETPCAP, or one of `kept`; `act` has not run then.
 */
export function startingWith<T>(kept: readonly number[], act: () => T): T {
  const own = readSets();
  const bits = checked(prctl(PR_GET_SECUREBITS, 0, 0, 0, 0), 'prctl(PR_GET_SECUREBITS)');
  checked(prctl(PR_SET_SECUREBITS, bits | SECBIT_NOROOT, 0, 0, 0), 'prctl(PR_SET_SECUREBITS)');
  try {
    checked(capset(header(), inheriting(own, kept)), 'capset');
    for (const capability of kept) {
      checked(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0), 'prctl(PR_CAP_AMBIENT)');
    }
    return act();
  } finally {
    checked(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0), 'prctl(PR_CAP_AMBIENT)');
    checked(capset(header(), own), 'capset');
    checked(prctl(PR_SET_SECUREBITS, bits, 0, 0, 0), 'prctl(PR_SET_SECUREBITS)');
  }
}

/**
 * From now on no program that this thread starts gets more rights than it has (prctl(2): PR_SET_NO_NEW_PRIVS).
 * @throws {KernelError}
 */
export function gainNoPrivileges(): void {
  checked(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 'prctl(PR_SET_NO_NEW_PRIVS)');
}
