import { type ChildProcess, spawn } from 'node:child_process';
import { type Container, type Host, type LabProcess, type NetworkSpec, until } from '../../test/lab/index.ts';

/** When somebody on another host reached a container that has just started; milliseconds after `docker start` returned. */
export interface Reached {
  /** The first answered echo request that was sent after the return, by a client that tries every 2 ms. */
  readonly eager: number;
  /** The first answer that client had at all: negative when the container was reached before its start had returned. */
  readonly first: number;
  /** `ping -c 1 -W 1` begun at the return and repeated until it succeeds, with the kernel's own patience with ARP. */
  readonly plain: number;
}

const EAGER_EVERY_MS = 2;
/** A kernel asks again for an address once a second; the eager client's as often as it can tell time. */
const EAGER_ARP = ['retrans_time_ms=2', 'mcast_solicit=1'].map((text) => `net.ipv4.neigh.eth0.${text}`);
const PATIENCE_MS = 30_000;

/** Two clients on one network of a host that wait for containers of another host to answer. */
export class ReachProber {
  readonly #eager: Container;
  readonly #plain: ChildProcess;
  #said = '';

  private constructor(eager: Container, plain: ChildProcess) {
    this.#eager = eager;
    this.#plain = plain;
    plain.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#said += text;
    });
  }

  /** Places the clients. They stay until the host goes. */
  static async place(host: Host, network: NetworkSpec['name']): Promise<ReachProber> {
    const eager = await host.docker.runContainer({ network, name: `${network}-eager` });
    const patient = await host.docker.runContainer({ network, name: `${network}-plain` });
    await eager.netExec(['sysctl', '-qw', ...EAGER_ARP]);
    const { Pid } = (await patient.inspect()).State;
    const enter = [
      'nsenter',
      '-t',
      `${host.pid}`,
      '-n',
      '-m',
      '-u',
      '-p',
      '--',
      'nsenter',
      `--net=/proc/${Pid}/ns/net`,
    ];
    const loop = 'while read ip; do until ping -nqc1 -W1 $ip >/dev/null 2>&1; do :; done; echo reached; done';
    const plain = spawn('setpriv', ['--pdeathsig', 'KILL', '--', ...enter, '--', 'sh', '-c', loop], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    plain.unref();
    return new ReachProber(eager, plain);
  }

  /**
   * Starts a container and says when it was reached.
   * @param ip its address, which nobody had before.
   * @param start the Engine's `start`; what it takes is not counted.
   */
  async measure(ip: string, start: () => Promise<void>): Promise<Reached> {
    const ping = await this.#eager.netSpawn(['ping', '-nD', '-i', `${EAGER_EVERY_MS / 1000}`, ip]);
    try {
      await start();
      const returned = performance.timeOrigin + performance.now();
      const plain = this.#ask(ip);
      const eager = await answerAfter(ping, returned);
      return { ...eager, plain: (await plain) - returned };
    } finally {
      await ping.stop('SIGINT');
    }
  }

  /** Milliseconds since the epoch when the plain client had its answer. */
  #ask(ip: string): Promise<number> {
    const { stdin, stdout } = this.#plain;
    if (stdin === null || stdout === null) throw new Error('the plain client has no pipes');
    this.#said = '';
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const timer = setTimeout(() => reject(new Error(`${ip} never answered a ping`)), PATIENCE_MS);
    const look = () => {
      if (!this.#said.includes('reached')) return;
      clearTimeout(timer);
      stdout.off('data', look);
      resolve(performance.timeOrigin + performance.now());
    };
    stdout.on('data', look);
    stdin.write(`${ip}\n`);
    return promise;
  }
}

async function answerAfter(ping: LabProcess, returned: number): Promise<Pick<Reached, 'eager' | 'first'>> {
  const answers = () =>
    ping.lines.flatMap((line) => {
      const [, at, rtt] = /^\[(\d+\.\d+)\] .*icmp_seq=.* time=([\d.]+) ms/.exec(line) ?? [];
      return at === undefined ? [] : [{ at: Number(at) * 1000, sentAt: Number(at) * 1000 - Number(rtt) }];
    });
  const found = await until(
    'the container is reached',
    () => answers().find(({ sentAt }) => sentAt >= returned),
    { timeoutMs: PATIENCE_MS },
  );
  return { eager: found.at - returned, first: (answers()[0]?.at ?? Number.NaN) - returned };
}
