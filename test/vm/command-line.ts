import type { MicroVmOptions } from './micro-vm.ts';

/** What `scripts/vm --help` prints. */
export const USAGE = `scripts/vm [FLAGS] COMMAND…

Boots Debian's kernel under qemu and runs a command in it, as root, in this folder and with this environment. It sees
this machine's files; what it changes is gone afterwards. Standard input is empty; there is no network but loopback.

  --time SECONDS     end the machine after this long (600)
  --memory MIB       memory of the machine, also for the files it writes (3072)
  --cpus N           processors (2)
  --load MODULES     load these first, separated by commas (br_netfilter,ip_tables,ip6_tables); the kernel loads
                     others when it needs them
  --help             this

Exit codes: the command's own; 2 wrong usage, 124 not done in time, 125 the machine did not start or failed.
`;

/** Wrong usage. */
export class CommandLineError extends Error {}

/** A command line, understood. */
export type CommandLine =
  | { readonly kind: 'help' }
  | {
      readonly kind: 'run';
      readonly options: Pick<MicroVmOptions, 'argv' | 'memory' | 'cpus' | 'limitMs' | 'modules'>;
    };

/** A machine as `scripts/vm` makes it when no flag says otherwise. */
export const DEFAULTS = {
  memory: 3072,
  cpus: 2,
  limitMs: 600_000,
  // On a real host dockerd and iptables-legacy load them; the roots of the lab's engines have no modprobe.
  modules: ['br_netfilter', 'ip_tables', 'ip6_tables'],
} as const;

/**
 * Reads the arguments of `scripts/vm`. Flags end at the first word that is none.
 * @throws {CommandLineError} saying what is wrong
 */
export function readCommandLine(args: readonly string[]): CommandLine {
  const waiting = [...args];
  let options: Pick<MicroVmOptions, 'memory' | 'cpus' | 'limitMs' | 'modules'> = DEFAULTS;
  while (waiting[0]?.startsWith('-')) {
    const flag = waiting.shift();
    if (flag === '--') break;
    if (flag === '--help' || flag === '-h') return { kind: 'help' };
    options = { ...options, ...readFlag(flag ?? '', waiting.shift()) };
  }
  if (waiting.length === 0) throw new CommandLineError('what shall it run? See scripts/vm --help');
  return { kind: 'run', options: { ...options, argv: waiting } };
}

function readFlag(flag: string, value: string | undefined): Partial<MicroVmOptions> {
  switch (flag) {
    case '--time':
      return { limitMs: wholeNumber(flag, value) * 1000 };
    case '--memory':
      return { memory: wholeNumber(flag, value) };
    case '--cpus':
      return { cpus: wholeNumber(flag, value) };
    case '--load':
      return { modules: moduleNames(value) };
    default:
      throw new CommandLineError(`unknown flag ${flag}: see scripts/vm --help`);
  }
}

function wholeNumber(flag: string, value: string | undefined): number {
  if (value === undefined || !/^[1-9]\d{0,6}$/.test(value)) {
    throw new CommandLineError(`${flag} needs a whole number greater than 0`);
  }
  return Number(value);
}

function moduleNames(value: string | undefined): readonly string[] {
  if (value === undefined || !/^[\w-]+(,[\w-]+)*$/.test(value)) {
    throw new CommandLineError('--load needs names of modules, separated by commas');
  }
  return value.split(',');
}
