import { KernelError } from '../../core/errors.ts';
import { BPF, type BpfInstruction, withProgram } from './bpf-program.ts';
import { checked, libcFunction } from './call.ts';

const syscall = libcFunction<[number, number, number, Uint8Array]>(
  'long syscall(long number, long operation, long flags, const void *program)',
);

/** Numbers of what differs between machines (arch/x86/entry/syscalls/syscall_64.tbl, asm-generic/unistd.h). */
interface Machine {
  /** include/uapi/linux/audit.h: AUDIT_ARCH_*. */
  readonly arch: number;
  readonly seccomp: number;
  readonly setns: number;
  readonly refused: readonly number[];
}

/**
 * Refused: programs (execve, execveat), other processes (ptrace, process_vm_writev), file systems (mount, umount2,
 * pivot_root, chroot, open_by_handle_at, quotactl), the kernel itself (bpf, modules, kexec, reboot, swap, clocks, names of the
 * host, perf_event_open), and further namespaces (unshare).
 */
const MACHINES: Readonly<Partial<Record<NodeJS.Architecture, Machine>>> = {
  x64: {
    arch: 0xc000003e,
    seccomp: 317,
    setns: 308,
    refused: [
      59, 322, 101, 311, 165, 166, 155, 161, 304, 179, 321, 175, 176, 313, 246, 320, 169, 167, 168, 164, 227,
      170, 171, 298, 272,
    ],
  },
  arm64: {
    arch: 0xc00000b7,
    seccomp: 277,
    setns: 268,
    refused: [
      221, 281, 117, 271, 40, 39, 41, 51, 265, 60, 280, 105, 106, 273, 104, 294, 142, 224, 225, 170, 112, 161,
      162, 241, 97,
    ],
  },
};

/** The mount calls of Linux 5.2 and later, the same on all machines: open_tree to fspick, and mount_setattr. */
const NEWER_REFUSED = [428, 429, 430, 431, 432, 433, 442];

/** include/uapi/linux/seccomp.h */
const ALLOW = 0x7fff0000;
const REFUSE_EPERM = 0x00050001;
const SET_MODE_FILTER = 1;
const ALL_THREADS = 1;
/** Offsets in struct seccomp_data. */
const NUMBER = 0;
const ARCH = 4;
const SECOND_ARGUMENT = 24;
/** Calls of x32 on x86. */
const X32 = 0x40000000;
const CLONE_NEWNET = 0x40000000;

/** Refuses with EPERM; of setns(2) all but entering a network namespace. */
function program({ arch, setns, refused }: Machine): readonly BpfInstruction[] {
  const all = [...refused, ...NEWER_REFUSED];
  const checks = all.map((number, index): BpfInstruction => [BPF.ifEqual, all.length - index + 3, 0, number]);
  return [
    [BPF.loadWord, 0, 0, ARCH],
    [BPF.ifEqual, 1, 0, arch],
    [BPF.return, 0, 0, REFUSE_EPERM],
    [BPF.loadWord, 0, 0, NUMBER],
    [BPF.ifAtLeast, all.length + 4, 0, X32],
    ...checks,
    [BPF.ifEqual, 1, 0, setns],
    [BPF.return, 0, 0, ALLOW],
    [BPF.loadWord, 0, 0, SECOND_ARGUMENT],
    [BPF.ifEqual, 1, 0, CLONE_NEWNET],
    [BPF.return, 0, 0, REFUSE_EPERM],
    [BPF.return, 0, 0, ALLOW],
  ];
}

/**
 * From now on no thread of this process can start programs, touch others, mount, load code into the kernel or enter
 * namespaces other than network ones, whatever its capabilities (seccomp(2): SECCOMP_FILTER_FLAG_TSYNC).
 * @throws {KernelError} when the kernel or the machine does not support it; nothing has changed then.
 */
export function refuseSystemCalls(): void {
  const machine = MACHINES[process.arch];
  const step = 'seccomp';
  if (machine === undefined) throw new KernelError(`${step}: ENOSYS`, { errno: 'ENOSYS', step });
  const odd = withProgram(program(machine), (description) =>
    checked(syscall(machine.seccomp, SET_MODE_FILTER, ALL_THREADS, description), step),
  );
  // The number of a thread that has a filter of its own.
  if (odd > 0) throw new KernelError(`${step}: thread ${odd} differs`, { errno: 'EBUSY', step });
}
