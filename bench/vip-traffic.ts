import { join } from 'node:path';
import { CHECKOUT, type Container, type DockerClient, type Host, NODE, until } from '../test/lab/index.ts';
import { type Bench, type BenchOptions, roundsOf } from './harness/bench.ts';
import type { Figure, Target, Unit } from './harness/figure.ts';
import { HaProxy } from './harness/haproxy.ts';
import { interleave, type Series, type Variant } from './harness/interleave.ts';
import { spreadOf } from './harness/statistics.ts';
import { bootWeftHost, NETWORKS } from './harness/weft-host.ts';

const SECONDS = 1;
const MANY = 1000;
const CONTROL = '/run/weft/control.sock';
const PORTS = { bytes: 5000, echoes: 5001, iperf: 5201 } as const;
/** Medians of the same thing differ by this much between two runs. */
const NOISE = 0.02;

/** Where a client goes: a virtual IP, the backend itself, or a proxy in front of it. */
type Way = 'vip' | 'direct' | 'proxy' | 'many';
type Kind = 'connects' | 'connect' | 'echo' | 'stream';

/** A connection through a virtual IP beside one without, and beside a proxy. */
export const vipTraffic: Bench = {
  name: 'vip-traffic',
  title: `connections through a virtual IP, ${SECONDS} s a time, one after the other`,
  other: 'see the line',
  async run(options) {
    await using boot = await bootWeftHost(options.engine);
    const { docker } = boot.host;
    const network = NETWORKS.weft.name;
    await docker.createNetwork(NETWORKS.weft);
    await docker.createNetwork({
      ...NETWORKS.weft,
      name: 'bench-many',
      subnets: [{ subnet: '10.213.0.0/16' }],
    });
    const one = await Scene.open(docker, network);
    const many = await Scene.open(docker, 'bench-many');
    options.progress(`making ${MANY - 1} more services`);
    await declare(boot.host, options.quick ? 20 : MANY - 1);
    await many.reachable();
    const between = await docker.runContainer({ network });
    using _proxy = await HaProxy.start(between, one.backend, Object.values(PORTS));
    const proxy = (await between.endpoint(network)).IPAddress;
    options.progress('measuring');
    const variants: Readonly<Record<Way, Variant<Kind>>> = {
      vip: await one.measuring(one.vip),
      direct: await one.measuring(one.backend),
      proxy: await one.measuring(proxy),
      many: await many.measuring(many.vip),
    };
    return figures(await interleave<Way, Kind>(variants, rounds(options), 1));
  },
};

function rounds(options: BenchOptions): number {
  return roundsOf(options, 15, 2);
}

function figures({ vip, direct, proxy, many }: Readonly<Record<Way, Series<Kind>>>): readonly Figure[] {
  type Compared = readonly [weft: Series<Kind>, other: Series<Kind>];
  const figure = (what: string, kind: Kind, unit: Unit, [weft, other]: Compared, target: Target): Figure => ({
    what,
    unit,
    weft: spreadOf(weft[kind]),
    other: spreadOf(other[kind]),
    target,
  });
  const atMost: Target = { of: 'ratio', atMost: 1.05, noise: NOISE };
  const atLeast: Target = { of: 'ratio', atLeast: 0.95, noise: NOISE };
  const better: Target = { of: 'ratio', atLeast: 1.5 };
  return [
    figure('virtual IP : backend itself, one connect()', 'connect', 'us', [vip, direct], atMost),
    figure('virtual IP : backend itself, connections', 'connects', '/s', [vip, direct], atLeast),
    figure('virtual IP : backend itself, a byte there and back', 'echo', 'us', [vip, direct], atMost),
    figure('virtual IP : backend itself, one stream', 'stream', 'Gbit/s', [vip, direct], atLeast),
    figure('virtual IP : HAProxy, connections', 'connects', '/s', [vip, proxy], better),
    figure('virtual IP : HAProxy, one stream', 'stream', 'Gbit/s', [vip, proxy], better),
    figure(`${MANY} services : 1, a byte there and back`, 'echo', 'us', [many, vip], atMost),
    figure(`${MANY} services : 1, connections`, 'connects', '/s', [many, vip], atLeast),
  ];
}

/**
 * A service of one backend on a network. Each way to it has a client of its own: what conntrack still holds of one
 * way's closed connections would take the ports of another's.
 */
class Scene {
  readonly backend: string;
  readonly vip: string;
  readonly #newClient: () => Promise<Container>;
  readonly #first: Container;

  private constructor(newClient: () => Promise<Container>, first: Container, backend: string, vip: string) {
    this.#newClient = newClient;
    this.#first = first;
    this.backend = backend;
    this.vip = vip;
  }

  static async open(docker: DockerClient, network: string): Promise<Scene> {
    const name = `service-of-${network}`;
    const server = await docker.runContainer({
      network,
      name: `${network}-server`,
      labels: { 'weft.service': name },
    });
    await server.netSpawn([NODE, script('tcp-target.ts'), 'bytes', String(PORTS.bytes)]);
    await server.netSpawn([NODE, script('tcp-target.ts'), 'echoes', String(PORTS.echoes)]);
    await server.netSpawn(['iperf3', '-s', '-p', String(PORTS.iperf)]);
    const newClient = () => docker.runContainer({ network });
    const client = await newClient();
    const vip = await until(`${name} has a virtual IP`, async () => {
      const { code, stdout } = await client.tryNetExec(['dig', '+short', '@127.0.0.11', name]);
      return code === 0 && stdout.trim() !== '' ? stdout.trim() : undefined;
    });
    const scene = new Scene(newClient, client, (await server.endpoint(network)).IPAddress, vip);
    await scene.reachable();
    return scene;
  }

  async reachable(): Promise<void> {
    await until('the virtual IP answers', async () => {
      const { code } = await this.#first.tryNetExec(['ping', '-c', '1', '-W', '1', this.vip]);
      return code === 0;
    });
  }

  async measuring(host: string): Promise<Variant<Kind>> {
    const client = await this.#newClient();
    const load = async (what: string, port: number): Promise<{ perSecond: number; p50: number }> => {
      const settings = [what, host, String(port), String(SECONDS * 1000)];
      return JSON.parse(await client.netExec([NODE, script('tcp-load.ts'), ...settings]));
    };
    return async () => {
      const { perSecond, p50 } = await load('connects', PORTS.bytes);
      const echo = await load('echoes', PORTS.echoes);
      const iperf = ['iperf3', '-J', '-t', String(SECONDS), '-p', String(PORTS.iperf), '-c', host];
      const stream = received(await client.netExec(iperf));
      return { connects: perSecond, connect: p50, echo: echo.p50, stream };
    };
  }
}

/** Services on the network of many, by hand, all with the one backend that is there. */
async function declare(host: Host, count: number): Promise<void> {
  const body = JSON.stringify({ network: 'bench-many', name: 'more-N', select: 'bench-many-server' });
  const post = `curl -sSf -o /dev/null --unix-socket ${CONTROL} -H content-type:application/json -d @- http://weft/v1/services`;
  const each = `echo '${body}' | sed "s/more-N/more-$n/" | ${post}`;
  await host.exec(['sh', '-c', `for n in $(seq ${count}); do ${each} || exit 1; done`], {
    timeoutMs: 300_000,
  });
}

function script(name: string): string {
  return join(CHECKOUT, 'bench/harness', name);
}

/** Gbit/s that arrived, from iperf3's JSON. */
function received(json: string): number {
  const { end } = JSON.parse(json) as {
    readonly end: { readonly sum_received: { readonly bits_per_second: number } };
  };
  return end.sum_received.bits_per_second / 1e9;
}
