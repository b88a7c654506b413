import { closeSync, openSync } from 'node:fs';
import { libcFunction as bind, checked, errnoName, lastErrno } from '../../kernel/libc/call.ts';

/*
 * Starts programs by posix_spawn(3), which borrows this process' memory until the program begins. Node forks: the
 * kernel copies the page tables of a test that has seen much, some 3 ms of processor each time.
 */

const spawn = bind<[Buffer, string, Buffer, Buffer, Strings, Strings]>(
  'int posix_spawnp(void *pid, const char *file, void *actions, void *attributes, const char **argv, const char **envp)',
);
const initActions = bind<[Buffer]>('int posix_spawn_file_actions_init(void *actions)');
const destroyActions = bind<[Buffer]>('int posix_spawn_file_actions_destroy(void *actions)');
const addDup = bind<[Buffer, number, number]>(
  'int posix_spawn_file_actions_adddup2(void *actions, int fd, int as)',
);
const initAttributes = bind<[Buffer]>('int posix_spawnattr_init(void *attributes)');
const destroyAttributes = bind<[Buffer]>('int posix_spawnattr_destroy(void *attributes)');
const setFlags = bind<[Buffer, number]>('int posix_spawnattr_setflags(void *attributes, short flags)');
const setDefaults = bind<[Buffer, Buffer]>('int posix_spawnattr_setsigdefault(void *attributes, void *set)');
const fillSet = bind<[Buffer]>('int sigfillset(void *set)');
const waitFor = bind<[number, Buffer, number]>('int waitpid(int pid, void *status, int options)');
const makePipe = bind<[Buffer, number]>('int pipe2(void *fds, int flags)');
const makeFile = bind<[string, number]>('int memfd_create(const char *name, unsigned int flags)');

type Strings = readonly (string | null)[];

/** Larger than the C library's own: 80, 336 and 128 bytes with glibc. */
const ACTIONS_BYTES = 256;
const ATTRIBUTES_BYTES = 1024;
const SIGNALS_BYTES = 256;
/** include/spawn.h */
const POSIX_SPAWN_SETSIGDEF = 4;
/** include/uapi/linux/memfd.h */
const MFD_CLOEXEC = 1;
/** include/uapi/linux/fcntl.h; node:fs has it not. */
const O_CLOEXEC = 0o2000000;
const WNOHANG = 1;

/** Descriptors that a program gets as its standard input, output and error. */
export type Standard = readonly [number, number, number];

/**
 * Starts a program with signals as they are by default. Whoever calls waits for it (`reap`).
 * @returns its process id.
 * @throws {Error} with `code`, as of node:child_process, when it cannot be started.
 */
export function posixSpawn(argv: readonly string[], env: NodeJS.ProcessEnv, standard: Standard): number {
  const [program = ''] = argv;
  const actions = Buffer.alloc(ACTIONS_BYTES);
  const attributes = Buffer.alloc(ATTRIBUTES_BYTES);
  const signals = Buffer.alloc(SIGNALS_BYTES);
  const pid = Buffer.alloc(4);
  initActions(actions);
  initAttributes(attributes);
  try {
    for (const [as, fd] of standard.entries()) addDup(actions, fd, as);
    fillSet(signals);
    setDefaults(attributes, signals);
    setFlags(attributes, POSIX_SPAWN_SETSIGDEF);
    const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
    const errno = spawn(pid, program, actions, attributes, [...argv, null], [...variables, null]);
    if (errno !== 0) throw failure(program, errno);
    return pid.readInt32LE();
  } finally {
    destroyActions(actions);
    destroyAttributes(attributes);
  }
}

/** @returns the exit code, 128 for a signal, and undefined while the program runs (unless `wait`). */
export function reap(pid: number, wait = false): number | undefined {
  const status = Buffer.alloc(4);
  let found = 0;
  do found = waitFor(pid, status, wait ? 0 : WNOHANG);
  while (found < 0 && lastErrno() === 'EINTR');
  if (found === 0) return undefined;
  checked(found, `waitpid(${pid})`);
  const word = status.readInt32LE();
  return (word & 0x7f) === 0 ? (word >> 8) & 0xff : 128;
}

/** A pipe's reading and writing end. */
export function openPipe(): readonly [number, number] {
  const ends = Buffer.alloc(8);
  checked(makePipe(ends, O_CLOEXEC), 'pipe2');
  return [ends.readInt32LE(0), ends.readInt32LE(4)];
}

/**
 * An unnamed file in memory, written at its end by all who share it. The kernel does not lock the position of what
 * memfd_create gives (it lacks FMODE_ATOMIC_POS), so of two writers at once one would write over the other.
 */
export function openMemory(): number {
  const fd = checked(makeFile('weft-test', MFD_CLOEXEC), 'memfd_create');
  try {
    return openSync(`/proc/self/fd/${fd}`, 'a+');
  } finally {
    closeSync(fd);
  }
}

function failure(program: string, errno: number): Error {
  const name = errnoName(errno);
  return Object.assign(new Error(`spawn ${program} ${name}`), { code: name });
}
