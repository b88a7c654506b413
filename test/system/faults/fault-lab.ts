import { join } from 'node:path';
import { linkName } from '../../../core/names.ts';
import { poll } from '../../support/poll.ts';
import { openScratchNamespace, type ScratchNamespace } from '../../support/scratch-namespace.ts';
import { engineLife, type Life, plumb } from './engine-calls.ts';
import { FaultHost } from './fault-host.ts';
import { type Running, start, Traffic, type TrafficTotals } from './traffic.ts';

const CLIENT_PORT = 9000;

/** Arguments before a program that put it into a namespace. */
export function into({ path }: ScratchNamespace): readonly string[] {
  return ['nsenter', `--net=${path}`, '--'];
}

/**
 * A host with a running weftd, two containers on a network of theirs with steady traffic between them and from
 * another machine to a published port of the first, and a namespace for a third container.
 */
export class FaultLab implements AsyncDisposable {
  readonly host: FaultHost;
  readonly containers: readonly [ScratchNamespace, ScratchNamespace];
  readonly sandbox: ScratchNamespace;
  readonly lives: readonly Life[];
  readonly #client: ScratchNamespace;
  readonly #traffic: Traffic;
  readonly #prober: Running;
  #probes = 0;

  private constructor(parts: {
    readonly host: FaultHost;
    readonly containers: readonly [ScratchNamespace, ScratchNamespace];
    readonly sandbox: ScratchNamespace;
    readonly lives: readonly Life[];
    readonly client: ScratchNamespace;
    readonly traffic: Traffic;
  }) {
    this.host = parts.host;
    this.containers = parts.containers;
    this.sandbox = parts.sandbox;
    this.lives = parts.lives;
    this.#client = parts.client;
    this.#traffic = parts.traffic;
    const prober = join(import.meta.dirname, 'port-prober.ts');
    this.#prober = start(this.host.enter, [process.execPath, prober]);
  }

  /** Everything of it runs when this resolves. */
  static async open(): Promise<FaultLab> {
    const host = await FaultHost.open();
    const [one, two, sandbox, client] = await Promise.all(
      Array.from({ length: 4 }, () => openScratchNamespace()),
    );
    if (!one || !two || !sandbox || !client) throw new Error('no namespaces');
    for (const each of [one, two, sandbox, client]) each.run('ip link set lo up');
    host.namespace.run(`
      ip link add client type veth peer name eth0 netns ${client.pid}
      ip address add 172.31.0.1/24 dev client
      ip link set client up`);
    client.run('ip address add 172.31.0.2/24 dev eth0; ip link set eth0 up');
    await host.startWeftd();
    const lives = [await startLife(host, 50, one), await secondEndpoint(host, 50, two)];
    start(into(one), ['socat', `TCP-LISTEN:${CLIENT_PORT},fork,reuseaddr`, 'PIPE']);
    const server = `socat -u OPEN:/dev/null TCP:127.0.0.1:${CLIENT_PORT}`;
    await poll(async () => {
      try {
        one.run(`${server} 2>/dev/null`);
        return true;
      } catch {
        return false; // it does not listen yet
      }
    });
    const traffic = await Traffic.start(
      { enter: into(two), to: '10.50.0.2' },
      { enter: into(client), host: '172.31.0.1', port: CLIENT_PORT },
    );
    return new FaultLab({ host, containers: [one, two], sandbox, lives, client, traffic });
  }

  /** Whether a host port can be bound by others: each of `bindings` is what the port prober reads. */
  async probe(bindings: readonly string[]): Promise<readonly string[]> {
    const { child, output } = this.#prober;
    const from = this.#probes;
    this.#probes += bindings.length;
    child.stdin?.write(bindings.map((each) => `${each}\n`).join(''));
    const answers = await poll(() => {
      const lines = output().trim().split('\n');
      return lines.length >= this.#probes && lines.slice(from, this.#probes);
    }, 15_000);
    return answers;
  }

  /** Ends the traffic and says what became of it. */
  stopTraffic(): Promise<TrafficTotals> {
    return this.#traffic.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#prober.child.kill('SIGKILL');
    await this.host[Symbol.asyncDispose]();
    for (const each of [...this.containers, this.sandbox, this.#client]) each[Symbol.dispose]();
  }
}

/** A container's whole start, with one published port for the traffic. */
async function startLife(host: FaultHost, number: number, sandbox: ScratchNamespace): Promise<Life> {
  const life = engineLife(number, sandbox);
  const port = { IP: '', HostIP: '', Proto: 6, Port: CLIENT_PORT, HostPort: CLIENT_PORT };
  const options = {
    'com.docker.network.endpoint.exposedports': [{ Proto: 6, Port: CLIENT_PORT }],
    'com.docker.network.portmap': [{ ...port, HostPortEnd: CLIENT_PORT }],
  };
  for (const { name, method, argument, link } of life.calls) {
    const mtu = { 'com.docker.network.generic': { 'com.docker.network.driver.mtu': '1400' } };
    if (name === 'CreateNetwork') {
      const { Options } = argument as { readonly Options: object };
      await host.done(method, { ...argument, Options: { ...Options, ...mtu } });
      continue;
    }
    const changed = 'Options' in argument && name.match(/^(Join|Program|CreateEndpoint)/);
    await host.done(method, changed ? { ...argument, Options: options } : argument);
    if (link === 'plumb') plumb(host, sandbox, life, number);
    if (name.startsWith('Program')) break;
  }
  return life;
}

/** Another container on the network of `startLife`, without ports. */
async function secondEndpoint(host: FaultHost, number: number, sandbox: ScratchNamespace): Promise<Life> {
  const endpointId = `${number}f`.padEnd(64, '0');
  const life = { ...engineLife(number, sandbox), endpointId, link: linkName('wc', endpointId) };
  const { calls, networkId } = life;
  const endpoint = { NetworkID: networkId, EndpointID: endpointId };
  for (const name of ['RequestAddress', 'RequestAddress v6']) {
    const call = calls.find((each) => each.name === name);
    if (call !== undefined) await host.done(call.method, call.argument);
  }
  const addresses = { Address: `10.${number}.0.3/24`, AddressIPv6: `fd00:${number}::3/64`, MacAddress: '' };
  await host.done('NetworkDriver.CreateEndpoint', { ...endpoint, Interface: addresses, Options: {} });
  await host.done('NetworkDriver.Join', { ...endpoint, SandboxKey: sandbox.path, Options: {} });
  plumb(host, sandbox, life, number, 3);
  return life;
}
