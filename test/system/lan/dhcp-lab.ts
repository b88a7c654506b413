import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openScratchNamespace, type ScratchNamespace } from '../../support/scratch-namespace.ts';

/** A line of dnsmasq's lease file: when it ends in seconds since the epoch, MAC, address, name, client id. */
export interface ServedLease {
  readonly expires: number;
  readonly mac: string;
  readonly ip: string;
  readonly name: string;
  readonly clientId: string;
}

/** A command that serves DHCP on a device. @param options of dnsmasq(8) beside those of every server here. */
export function dnsmasq(
  { device, log, leases }: { readonly device: string; readonly log: string; readonly leases: string },
  ...options: readonly string[]
): readonly string[] {
  return [
    'dnsmasq',
    ...['--keep-in-foreground', '--conf-file=/dev/null', '--port=0', '--no-hosts', '--no-resolv'],
    ...['--pid-file=', '--user=root', `--interface=${device}`, '--bind-interfaces', '--log-dhcp'],
    `--log-facility=${log}`,
    // It would ping an address for three seconds before it offers it.
    '--no-ping',
    `--dhcp-leasefile=${leases}`,
    ...options,
  ];
}

/** What is in dnsmasq's lease file. */
export function readLeases(text: string): readonly ServedLease[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [expires = '', mac = '', ip = '', name = '', clientId = ''] = line.split(' ');
      return { expires: Number(expires), mac, ip, name, clientId };
    });
}

/**
 * A LAN: a switch in a namespace of its own, on which this process' own namespace is by its device `eth0`, and a
 * router at 192.0.2.1 with dnsmasq as the DHCP server.
 */
export class DhcpLab implements AsyncDisposable {
  readonly switch: ScratchNamespace;
  readonly router: ScratchNamespace;
  readonly #folder = mkdtempSync(join(tmpdir(), 'weft-dhcp-'));
  #server: ChildProcess | undefined;

  private constructor(lan: ScratchNamespace, router: ScratchNamespace) {
    this.switch = lan;
    this.router = router;
  }

  /** @param run runs a shell script in this process' own namespace. */
  static async open(run: (script: string) => string): Promise<DhcpLab> {
    const lab = new DhcpLab(await openScratchNamespace(), await openScratchNamespace());
    lab.switch.run('ip link add br0 type bridge; ip link set br0 up');
    run(
      `ip link add eth0 type veth peer name p0; ip link set p0 netns ${lab.switch.pid}; ip link set eth0 up`,
    );
    lab.switch.run('ip link set p0 master br0 up');
    lab.plug(lab.router, 'r0', '192.0.2.1/24');
    return lab;
  }

  /** Puts a machine on the switch. */
  plug(machine: ScratchNamespace, port: string, address: string): void {
    machine.run(`
      ip link add lan type veth peer name ${port}
      ip link set ${port} netns ${this.switch.pid}
      ip addr add ${address} dev lan
      ip link set lan up`);
    this.switch.run(`ip link set ${port} master br0 up`);
  }

  /** Starts dnsmasq. @param options of dnsmasq(8) beside those of every server here. */
  async serve(...options: readonly string[]): Promise<void> {
    await this.stopServer();
    const log = this.#path('log');
    const command = dnsmasq({ device: 'lan', log, leases: this.#path('leases') }, ...options);
    const server = spawn('nsenter', [`--net=${this.router.path}`, ...command], { stdio: 'inherit' });
    this.#server = server;
    // It ends with the test, however that ends.
    const end = () => server.kill();
    process.once('exit', end);
    server.once('exit', () => process.off('exit', end));
    server.once('error', (error) => {
      throw error;
    });
    while (!this.router.run('ss -Hlun sport = 67').includes(':67')) {
      if (server.exitCode !== null) throw new Error(`dnsmasq ended with ${server.exitCode}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Ends dnsmasq, which writes its leases. */
  async stopServer(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined || server.exitCode !== null) return;
    server.kill('SIGTERM');
    await once(server, 'exit');
  }

  /** The server forgets every lease; it must not run. */
  forgetLeases(): void {
    rmSync(this.#path('leases'), { force: true });
  }

  /** The server's leases. */
  leases(): readonly ServedLease[] {
    return readLeases(this.#read('leases'));
  }

  /** How often the server says that it got or sent a message: `DHCPACK`, … */
  count(message: string): number {
    return this.#read('log')
      .split('\n')
      .filter((line) => line.includes(`${message}(lan)`)).length;
  }

  /** What the server has written. */
  text(): string {
    return this.#read('log');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopServer();
    this.router[Symbol.dispose]();
    this.switch[Symbol.dispose]();
    rmSync(this.#folder, { recursive: true });
  }

  #path(name: string): string {
    return join(this.#folder, name);
  }

  #read(name: string): string {
    try {
      return readFileSync(this.#path(name), 'utf8');
    } catch {
      // Nothing has been written yet.
      return '';
    }
  }
}
