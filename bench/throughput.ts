import { join } from 'node:path';
import {
  CHECKOUT,
  type Container,
  createMachine,
  type DockerClient,
  type Machine,
  NODE,
} from '../test/lab/index.ts';
import { type Bench, roundsOf } from './harness/bench.ts';
import type { Figure, Target, Unit } from './harness/figure.ts';
import { interleave, type Variant } from './harness/interleave.ts';
import { spreadOf } from './harness/statistics.ts';
import { bootWeftHost, NETWORKS } from './harness/weft-host.ts';

const SECONDS = 2;
/** Medians of a few rounds of the same thing differ by this much on a machine that does nothing else. */
const NOISE = 0.03;
const IPERF_PORT = 5201;
const CONNECT_PORT = 7000;

type Kind = 'inside' | 'published' | 'connects';

const KINDS: readonly { readonly kind: Kind; readonly what: string; readonly unit: Unit }[] = [
  { kind: 'inside', what: 'one TCP stream between two containers', unit: 'Gbit/s' },
  { kind: 'published', what: 'one TCP stream from the LAN to a published port', unit: 'Gbit/s' },
  { kind: 'connects', what: 'connections from the LAN to a published port', unit: '/s' },
];

/** Traffic over both drivers' bridges. */
export const throughput: Bench = {
  name: 'throughput',
  title: `traffic for ${SECONDS} s a time`,
  async run(options) {
    await using boot = await bootWeftHost(options.engine);
    const { host, underlay } = boot;
    const lan = await createMachine(underlay);
    for (const spec of Object.values(NETWORKS)) await host.docker.createNetwork(spec);
    const side = async (network: string, offset: number) =>
      traffic(await place(host.docker, network, offset), lan, host.ip);
    const rounds = roundsOf(options, 7, 2);
    const variants = {
      weft: await side(NETWORKS.weft.name, 0),
      builtIn: await side(NETWORKS.builtIn.name, 1000),
    };
    const { weft, builtIn } = await interleave<'weft' | 'builtIn', Kind>(variants, rounds, 1);
    const target: Target = { of: 'ratio', atLeast: 1, noise: NOISE };
    return KINDS.map(
      ({ kind, what, unit }): Figure => ({
        what,
        unit,
        weft: spreadOf(weft[kind]),
        other: spreadOf(builtIn[kind]),
        target,
      }),
    );
  },
};

/** A server with its ports published `offset` higher, and a client beside it. */
interface Pair {
  readonly server: Container;
  readonly client: Container;
  readonly offset: number;
}

async function place(docker: DockerClient, network: string, offset: number): Promise<Pair> {
  const ports = [IPERF_PORT, CONNECT_PORT].map((port) => `${port + offset}:${port}`);
  const server = await docker.runContainer({ network, ports, cmd: ['iperf3', '-s'] });
  const client = await docker.runContainer({ network });
  return { server, client, offset };
}

async function traffic(
  { server, client, offset }: Pair,
  lan: Machine,
  hostIp: string,
): Promise<Variant<Kind>> {
  const { IPAddress } = await server.endpoint();
  const script = (name: string) => join(CHECKOUT, 'bench/harness', name);
  // Stays until the container goes; it is the container's network it listens in.
  const accepting = server.netExec([NODE, script('connect-server.ts'), String(CONNECT_PORT)], {
    timeoutMs: 3_600_000,
  });
  accepting.catch(() => undefined);
  const iperf = (to: string, port: number) => ['iperf3', '-J', '-t', `${SECONDS}`, '-p', `${port}`, '-c', to];
  const connect = [
    NODE,
    script('connect-client.ts'),
    hostIp,
    `${CONNECT_PORT + offset}`,
    `${SECONDS * 1000}`,
  ];
  return async () => ({
    inside: received(await client.exec(iperf(IPAddress, IPERF_PORT))),
    published: received(await lan.exec(iperf(hostIp, IPERF_PORT + offset))),
    connects: Number(await lan.exec(connect)),
  });
}

/** Gbit/s that arrived, from iperf3's JSON. */
export function received(json: string): number {
  const { end } = JSON.parse(json) as {
    readonly end: { readonly sum_received: { readonly bits_per_second: number } };
  };
  return end.sum_received.bits_per_second / 1e9;
}
