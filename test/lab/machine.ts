import { type CommandOptions, type CommandResult, runCommand, tryCommand } from './command.ts';
import { LabProcess } from './lab-process.ts';
import { NamespaceHolder } from './namespace-holder.ts';
import type { Underlay, UnderlayAddress } from './underlay.ts';

const MACHINE_INIT = `
mount --make-rprivate /
hostname "$1"
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs -o mode=755 tmpfs /run
ip link set lo up
echo ready
exec >/dev/null 2>&1
while :; do sleep 1000000 & wait $!; done`;

/** Another machine on the LAN: no Docker, only an address and this machine's tools. */
export class Machine implements AsyncDisposable {
  readonly name: string;
  readonly ip: string;
  readonly ip6: string;
  readonly #underlay: Underlay;
  readonly #holder: NamespaceHolder;
  #port = '';

  private constructor(name: string, address: UnderlayAddress, underlay: Underlay, holder: NamespaceHolder) {
    this.name = name;
    this.ip = address.ip;
    this.ip6 = address.ip6;
    this.#underlay = underlay;
    this.#holder = holder;
  }

  /** Puts a machine on `underlay`, with `eth0` up and default routes over the router. */
  static async create(underlay: Underlay, name = underlay.takeName('m')): Promise<Machine> {
    const holder = await NamespaceHolder.start(['sh', '-ec', MACHINE_INIT, 'sh', name]);
    const machine = new Machine(name, underlay.takeAddress(), underlay, holder);
    underlay.keep(machine);
    try {
      machine.#port = await underlay.attach(holder.pid, machine);
    } catch (error) {
      await machine[Symbol.asyncDispose]();
      throw error;
    }
    return machine;
  }

  /** Name of the machine's port on the underlay's bridge. */
  get port(): string {
    return this.#port;
  }

  /** Pulls the machine's cable on the underlay, or plugs it in again. */
  setCable(state: 'plugged' | 'pulled'): Promise<void> {
    return this.#underlay.setPort(this.#port, state === 'plugged' ? 'up' : 'down');
  }

  /** Reaches a subnet (CIDR, either family) by way of a host's address of the same family. */
  async route(subnet: string, via: { readonly ip: string; readonly ip6: string }): Promise<void> {
    const family = subnet.includes(':') ? ['-6', via.ip6] : ['-4', via.ip];
    const [option = '', gateway = ''] = family;
    await this.exec(['ip', option, 'route', 'replace', subnet, 'via', gateway]);
  }

  /**
   * Runs a program here and gives its standard output.
   * @throws {CommandFailed} when its exit code is not 0 or it does not end in time.
   */
  exec(argv: readonly string[], options?: CommandOptions): Promise<string> {
    return runCommand([...this.#holder.enter, ...argv], options);
  }

  /** Runs a program here; gives code and output whatever the code. */
  tryExec(argv: readonly string[], options?: CommandOptions): Promise<CommandResult> {
    return tryCommand([...this.#holder.enter, ...argv], options);
  }

  /** A path on this machine as this process can open it. */
  path(inside: string): string {
    return `/proc/${this.#holder.pid}/root${inside}`;
  }

  /** Starts a program here that goes on running; it ends with the machine at the latest. */
  spawn(argv: readonly string[]): Promise<LabProcess> {
    return LabProcess.start(this.#holder.enter, argv);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#underlay.release(this);
    await this.#holder[Symbol.asyncDispose]();
  }
}
