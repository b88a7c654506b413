import { execFileSync, spawn } from 'node:child_process';
import { readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { diesWithUs } from '../../support/dies-with-us.ts';
import { outputOf } from '../../support/light-spawn.ts';
import { poll } from '../../support/poll.ts';

/** What Join said of the link and the routes. */
export interface JoinAnswer {
  readonly InterfaceName: {
    readonly SrcName: string;
    readonly DstPrefix: string;
    readonly DstName?: string;
  } | null;
  readonly Gateway: string;
  readonly GatewayIPv6: string;
  readonly StaticRoutes: readonly object[] | null;
  readonly DisableGatewayService: boolean;
}

/** What the endpoint's interface is given, as libnetwork knows it from IPAM and CreateEndpoint. */
export interface Interface {
  readonly ipv4?: string;
  readonly ipv6?: string;
  readonly mac?: string;
}

/** A container's network namespace, bound at a path like Docker's, with what libnetwork does in it. */
export class Sandbox implements Disposable {
  readonly key: string;
  readonly #pid: number;
  readonly #end: () => void;
  #links = 0;

  private constructor(key: string, pid: number, end: () => void) {
    this.key = key;
    this.#pid = pid;
    this.#end = end;
  }

  /** Makes one at `/run/docker/netns/NAME`. */
  static async open(name: string): Promise<Sandbox> {
    const home = readlinkSync('/proc/self/ns/net');
    const keeper = spawn('unshare', ['--net', 'cat'], { stdio: ['pipe', 'ignore', 'inherit'] });
    const pid = keeper.pid;
    if (pid === undefined) throw new Error('unshare does not start');
    await poll(() => readlinkSync(`/proc/${pid}/ns/net`) !== home);
    const key = `/run/docker/netns/${name}`;
    writeFileSync(key, '');
    execFileSync('mount', ['--bind', `/proc/${pid}/ns/net`, key]);
    const sandbox = new Sandbox(key, pid, () => keeper.stdin.end());
    sandbox.run('ip link set lo up');
    return sandbox;
  }

  /** Runs a shell script in it and gives its standard output. */
  run(script: string, timeoutMs = 10_000): string {
    const enter = ['nsenter', `--net=/proc/${this.#pid}/ns/net`];
    return outputOf(['timeout', `${timeoutMs / 1000}`, ...enter, 'sh', '-ec', script]);
  }

  /** Moves the link in, renames, addresses and raises it, adds routes; gives its name (protocol 2.7). */
  plumb({ InterfaceName, Gateway, GatewayIPv6 }: JoinAnswer, { ipv4, ipv6, mac }: Interface): string {
    if (InterfaceName === null) throw new Error('Join gave no link');
    const { SrcName, DstPrefix } = InterfaceName;
    const name = `${DstPrefix}${this.#links++}`;
    execFileSync('ip', ['link', 'set', SrcName, 'netns', String(this.#pid)]);
    this.run(
      [
        `ip link set ${SrcName} down name ${name}`,
        ...(mac ? [`ip link set ${name} address ${mac}`] : []),
        ...(ipv4 ? [`ip addr add ${ipv4} dev ${name}`] : []),
        ...(ipv6 ? [`ip addr add ${ipv6} dev ${name} nodad`] : []),
        `ip link set ${name} up`,
        ...(Gateway ? [`ip route add default via ${Gateway}`] : []),
        ...(GatewayIPv6 ? [`ip -6 route add default via ${GatewayIPv6}`] : []),
      ].join('\n'),
    );
    return name;
  }

  /** Moves the link back under its own name, down, as libnetwork does after Leave. */
  unplumb(name: string, { InterfaceName }: JoinAnswer): void {
    const original = InterfaceName?.SrcName ?? '';
    this.run(`ip link set ${name} down name ${original}; ip link set ${original} netns ${process.pid}`);
  }

  /** Starts a server that answers on a port with a text; it ends with the sandbox. */
  async serve(protocol: 'tcp' | 'udp' | 'sctp', port: number, text: string): Promise<void> {
    const listeners = { tcp: 'TCP6-LISTEN', udp: 'UDP6-RECVFROM', sctp: 'SCTP6-LISTEN' } as const;
    const address = `${listeners[protocol]}:${port},fork,reuseaddr,ipv6only=0`;
    const enter = ['nsenter', `--net=/proc/${this.#pid}/ns/net`];
    const [program, ...args] = diesWithUs([...enter, 'socat', address, `SYSTEM:echo ${text}`]);
    const server = spawn(program, args, { stdio: 'ignore' });
    server.unref();
    this.#servers.push(() => server.kill('SIGKILL'));
    const files = { tcp: 'tcp6', udp: 'udp6', sctp: 'sctp/eps' } as const;
    const hex = port.toString(16).toUpperCase().padStart(4, '0');
    const pattern = protocol === 'sctp' ? `[[:space:]]${port}[[:space:]]` : `:${hex} `;
    await poll(() => this.run(`grep -c '${pattern}' /proc/net/${files[protocol]} || true`).trim() !== '0');
  }

  readonly #servers: (() => void)[] = [];

  /** The container has ended: its namespace and the links in it are gone. */
  [Symbol.dispose](): void {
    for (const stop of this.#servers) stop();
    execFileSync('umount', [this.key]);
    rmSync(this.key);
    this.#end();
  }
}

/** Asks a server from a namespace; its text, or empty when nothing answers within a second (UDP: three tries). */
export function ask(
  from: { run(script: string): string },
  protocol: 'tcp' | 'udp' | 'sctp',
  ip: string,
  port: number,
): string {
  const host = ip.includes(':') ? `[${ip}]` : ip;
  const family = ip.includes(':') ? 6 : 4;
  // It ends with the first answer, where socat would wait for more.
  const datagram = `bash -c 'exec 3<>/dev/udp/${ip}/${port} && echo x >&3 && exec timeout 0.7 dd bs=1500 count=1 status=none <&3'`;
  const script =
    protocol === 'udp'
      ? `for i in 1 2 3; do a=$(${datagram} || true); if [ "$a" ]; then echo $a; break; fi; done`
      : `socat -u -T 1 ${protocol.toUpperCase()}${family}:${host}:${port},connect-timeout=1 STDOUT`;
  return from.run(`${script} 2>/dev/null || true`).trim();
}

/** This host itself, as a place to run scripts in. */
export const host = {
  run: (script: string): string => outputOf(['timeout', '10', 'sh', '-ec', script]),
};
