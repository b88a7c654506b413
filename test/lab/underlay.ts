import { sweepStaleCgroups } from './cgroup.ts';
import { type CommandOptions, type CommandResult, runCommand, tryCommand } from './command.ts';
import { LabProcess } from './lab-process.ts';
import { NamespaceHolder } from './namespace-holder.ts';

/** What an underlay may differ in. */
export interface UnderlayOptions {
  /** MTU of the bridge and of every link on it, in bytes; 1500 if absent. */
  readonly mtu?: number;
}

/** One attachment's addresses on an underlay. */
export interface UnderlayAddress {
  /** IPv4 address without prefix length (it is 24). */
  readonly ip: string;
  /** IPv6 address without prefix length (it is 64). */
  readonly ip6: string;
}

let underlays = 0;

/**
 * A LAN: one bridge in namespaces of its own, which is also the router (`.1`, `::1`) and leads nowhere else.
 * Its mount namespace holds a tmpfs at /mnt: the disks of the hosts, so that they outlive a host's reboot.
 * Disposing it disposes every host and machine on it first.
 */
export class Underlay implements AsyncDisposable {
  /** `wl-<pid>-<n>`, the beginning of every name made for this lab. */
  readonly name: string;
  /** First three parts of the IPv4 /24, for example `198.18.7`. */
  readonly prefix4: string;
  /** IPv6 /64 up to and with `::`. */
  readonly prefix6: string;
  readonly mtu: number;
  readonly holder: NamespaceHolder;
  readonly #attached = new Set<AsyncDisposable>();
  #addresses = 10;
  #links = 0;
  #names = 0;

  private constructor(holder: NamespaceHolder, mtu: number) {
    const number = ++underlays;
    const block = (process.pid * 8 + number) % 512;
    this.holder = holder;
    this.mtu = mtu;
    this.name = `wl-${process.pid}-${number}`;
    this.prefix4 = `198.${18 + (block >> 8)}.${block & 255}`;
    this.prefix6 = `fd00:${(process.pid & 0xffff).toString(16)}:${number.toString(16)}::`;
  }

  /** Makes the bridge, up and forwarding, with nothing attached. */
  static async create(options: UnderlayOptions = {}): Promise<Underlay> {
    await sweepStaleCgroups();
    const holder = await NamespaceHolder.start(['sh', '-ec', UNDERLAY_INIT]);
    const underlay = new Underlay(holder, options.mtu ?? 1500);
    try {
      await underlay.exec(['ip', '-b', '-'], {
        input: [
          `link add lan type bridge stp_state 0 forward_delay 0`,
          `link set lan mtu ${underlay.mtu} up`,
          `addr add ${underlay.prefix4}.1/24 dev lan`,
          `addr add ${underlay.prefix6}1/64 dev lan nodad`,
        ].join('\n'),
      });
    } catch (error) {
      await underlay[Symbol.asyncDispose]();
      throw error;
    }
    return underlay;
  }

  /** Gives addresses nobody on this underlay has: the next free pair. */
  takeAddress(): UnderlayAddress {
    const number = ++this.#addresses;
    if (number > 254) throw new Error(`${this.name}: no address left`);
    return { ip: `${this.prefix4}.${number}`, ip6: `${this.prefix6}${number}` };
  }

  /** Gives a name nobody on this underlay has: `h1`, `m2`, …. */
  takeName(kind: 'h' | 'm'): string {
    this.#names += 1;
    return `${kind}${this.#names}`;
  }

  /** Keeps `member` until this underlay goes. */
  keep(member: AsyncDisposable): void {
    this.#attached.add(member);
  }

  /** Forgets a member that was disposed by itself. */
  release(member: AsyncDisposable): void {
    this.#attached.delete(member);
  }

  /**
   * Puts a link `eth0` into the namespace of `pid`, up, with the addresses and default routes over this router.
   * @returns the name of the other end, here on the bridge.
   */
  async attach(pid: number, address: UnderlayAddress): Promise<string> {
    this.#links += 1;
    const port = `port${this.#links}`;
    const [mtu, net] = [String(this.mtu), String(pid)];
    const veth = [
      'link',
      'add',
      port,
      'mtu',
      mtu,
      'type',
      'veth',
      'peer',
      'name',
      'eth0',
      'mtu',
      mtu,
      'netns',
      net,
    ];
    await runCommand([...this.#net(this.holder.pid), 'ip', ...veth]);
    await runCommand([...this.#net(this.holder.pid), 'ip', 'link', 'set', port, 'master', 'lan', 'up']);
    await runCommand([...this.#net(pid), 'ip', '-b', '-'], {
      input: [
        'link set eth0 up',
        `addr add ${address.ip}/24 dev eth0`,
        `addr add ${address.ip6}/64 dev eth0 nodad`,
        `route add default via ${this.prefix4}.1`,
        `route add ::/0 via ${this.prefix6}1`,
      ].join('\n'),
    });
    return port;
  }

  /** Takes a port's carrier away, or gives it back: the cable of the host on it. */
  async setPort(port: string, state: 'up' | 'down'): Promise<void> {
    await runCommand([...this.#net(this.holder.pid), 'ip', 'link', 'set', port, state]);
  }

  /**
   * Runs a program on the router and gives its standard output.
   * @throws {CommandFailed} when its exit code is not 0 or it does not end in time.
   */
  exec(argv: readonly string[], options?: CommandOptions): Promise<string> {
    return runCommand([...this.holder.enter, ...argv], options);
  }

  /** Runs a program on the router; gives code and output whatever the code. */
  tryExec(argv: readonly string[], options?: CommandOptions): Promise<CommandResult> {
    return tryCommand([...this.holder.enter, ...argv], options);
  }

  /** Starts a program on the router that goes on running; it ends with the underlay at the latest. */
  spawn(argv: readonly string[]): Promise<LabProcess> {
    return LabProcess.start(this.holder.enter, argv);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const results = await Promise.allSettled(
      [...this.#attached].map((member) => member[Symbol.asyncDispose]()),
    );
    await this.holder[Symbol.asyncDispose]();
    const errors = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
    if (errors.length > 0) throw new AggregateError(errors, `${this.name}: not everything went away`);
  }

  /** Only the network namespace: `netns PID` must mean the pid as this process numbers it. */
  #net(pid: number): readonly string[] {
    return ['nsenter', '-t', String(pid), '-n', '--'];
  }
}

const UNDERLAY_INIT = `
mount --make-rprivate /
mount -t proc proc /proc
mount -t tmpfs -o mode=755 tmpfs /mnt
sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
ip link set lo up
echo ready
exec >/dev/null 2>&1
while :; do sleep 1000000 & wait $!; done`;
