import { availableParallelism } from 'node:os';
import { type Container, until } from '../test/lab/index.ts';
import { type Bench, roundsOf } from './harness/bench.ts';
import type { Figure, Target, Unit } from './harness/figure.ts';
import { interleave, type Variant } from './harness/interleave.ts';
import { bootOverlayPair, OVERLAYS, type OverlayKey, type OverlayPair } from './harness/overlay-pair.ts';
import { spreadOf } from './harness/statistics.ts';

const SECONDS = 2;
/** Medians of a few rounds of the same thing differ by this much on a machine that does nothing else. */
const NOISE = 0.03;
const IPERF_PORT = 5201;
const ECHO_PORT = 5300;
/** Each end has a processor of its own: where the scheduler puts the two otherwise decides half of the figure. */
const PINNED = {
  server: ['taskset', '-c', '0'],
  client: ['taskset', '-c', availableParallelism() > 1 ? '1' : '0'],
} as const;

type Kind = 'one' | 'eight' | 'packets' | 'transactions' | 'latency' | 'latency99';

const KINDS: readonly {
  readonly kind: Kind;
  readonly what: string;
  readonly unit: Unit;
  readonly better: 'more' | 'less';
  readonly isJudged: boolean;
}[] = [
  { kind: 'one', what: 'one TCP stream', unit: 'Gbit/s', better: 'more', isJudged: true },
  { kind: 'eight', what: 'eight TCP streams', unit: 'Gbit/s', better: 'more', isJudged: true },
  {
    kind: 'packets',
    what: 'UDP datagrams of 64 bytes that arrive',
    unit: '/s',
    better: 'more',
    isJudged: true,
  },
  {
    kind: 'transactions',
    what: 'TCP requests and answers, one at a time',
    unit: '/s',
    better: 'more',
    isJudged: true,
  },
  { kind: 'latency', what: 'time of one of them, middle', unit: 'us', better: 'less', isJudged: true },
  { kind: 'latency99', what: 'time of one of them, 99 %', unit: 'us', better: 'less', isJudged: false },
];

/** Traffic between containers of two hosts, over both overlays. */
export const overlayThroughput: Bench = {
  name: 'overlay-throughput',
  title: `traffic between two hosts for ${SECONDS} s a time`,
  other: 'Swarm overlay',
  async run(options) {
    await using pair = await bootOverlayPair(options.engine);
    const variants = { weft: await traffic(pair, 'weft'), builtIn: await traffic(pair, 'builtIn') };
    const { weft, builtIn } = await interleave<OverlayKey, Kind>(variants, roundsOf(options, 7, 2), 1);
    return KINDS.map(
      ({ kind, what, unit, better, isJudged }): Figure => ({
        what,
        unit,
        weft: spreadOf(weft[kind]),
        other: spreadOf(builtIn[kind]),
        ...(isJudged ? { target: targetOf(better) } : {}),
      }),
    );
  },
};

function targetOf(better: 'more' | 'less'): Target {
  return better === 'more'
    ? { of: 'ratio', atLeast: 1, noise: NOISE }
    : { of: 'ratio', atMost: 1, noise: NOISE };
}

async function traffic({ a, b }: OverlayPair, key: OverlayKey): Promise<Variant<Kind>> {
  const network = OVERLAYS[key].name;
  const server = await a.docker.runContainer({ network, name: `${key}-server` });
  const client = await b.docker.runContainer({ network, name: `${key}-client` });
  const { IPAddress } = await server.endpoint(network);
  await server.netSpawn([...PINNED.server, 'iperf3', '-s', '-p', `${IPERF_PORT}`]);
  await server.netSpawn([...PINNED.server, 'sockperf', 'sr', '--tcp', '-i', '0.0.0.0', '-p', `${ECHO_PORT}`]);
  await until('the servers listen', async () => {
    const ports = await server.netExec(['ss', '-Hlnt', `sport = :${IPERF_PORT} or sport = :${ECHO_PORT}`]);
    return ports.trim().split('\n').length === 2;
  });
  await until(`${network} carries`, async () => {
    return (await client.tryNetExec(['ping', '-nc1', '-W1', IPAddress])).code === 0;
  });
  const iperf = (...more: string[]) =>
    client.netExec([
      ...PINNED.client,
      'iperf3',
      '-J',
      '-t',
      `${SECONDS}`,
      '-p',
      `${IPERF_PORT}`,
      '-c',
      IPAddress,
      ...more,
    ]);
  return async () => ({
    one: received(await iperf()),
    eight: received(await iperf('-P', '8')),
    packets: arrived(await iperf('-u', '-l', '64', '-b', '0')),
    ...(await transactions(client, IPAddress)),
  });
}

/** Gbit/s that arrived, from iperf3's JSON. */
function received(json: string): number {
  const { end } = JSON.parse(json) as {
    readonly end: { readonly sum_received: { readonly bits_per_second: number } };
  };
  return end.sum_received.bits_per_second / 1e9;
}

/** Datagrams a second that arrived, from iperf3's JSON. */
function arrived(json: string): number {
  const { sum } = (
    JSON.parse(json) as {
      readonly end: {
        readonly sum: { readonly packets: number; readonly lost_packets: number; readonly seconds: number };
      };
    }
  ).end;
  return (sum.packets - sum.lost_packets) / sum.seconds;
}

/** One request and its answer after the other on one connection, as netperf's TCP_RR. */
async function transactions(
  client: Container,
  to: string,
): Promise<Readonly<Record<'transactions' | 'latency' | 'latency99', number>>> {
  const tool = [
    ...PINNED.client,
    'sockperf',
    'pp',
    '--tcp',
    '--full-rtt',
    '-m',
    '64',
    '-i',
    to,
    '-p',
    `${ECHO_PORT}`,
  ];
  const said = await client.netExec([...tool, '-t', `${SECONDS}`]);
  const number = (pattern: RegExp): number => {
    const value = Number(pattern.exec(said)?.[1]);
    if (Number.isNaN(value)) throw new Error(`sockperf said: ${said}`);
    return value;
  };
  const run = number(/\[Valid Duration\] RunTime=([\d.]+)/);
  return {
    transactions: number(/\[Valid Duration\].*ReceivedMessages=(\d+)/) / run,
    latency: number(/percentile 50\.000 = +([\d.]+)/),
    latency99: number(/percentile 99\.000 = +([\d.]+)/),
  };
}
