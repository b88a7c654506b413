import { createMachine, type DockerClient, type Machine, type NetworkSpec } from '../test/lab/index.ts';
import { type LifeStep, life } from './container-lifecycle.ts';
import { type Bench, roundsOf } from './harness/bench.ts';
import type { Figure, Target } from './harness/figure.ts';
import { interleave, type Variant } from './harness/interleave.ts';
import { spreadOf } from './harness/statistics.ts';
import { timed } from './harness/stopwatch.ts';
import { timeInWeftd } from './harness/time-in-weftd.ts';
import { bootWeftHost } from './harness/weft-host.ts';
import { lifecycle, type NetworkStep } from './network-lifecycle.ts';
import { received } from './throughput.ts';

/** Seconds of one stream. */
const SECONDS = 2;
/** Medians of a few rounds of the same thing differ by this much on a machine that does nothing else. */
const NOISE = 0.03;

type Side = 'weft' | 'builtIn';
type Stream = 'inside' | 'fromLan';

/** A network of each driver, and the device that it stands on. */
export function networksOn(parents: Readonly<Record<Side, string>>): Readonly<Record<Side, NetworkSpec>> {
  return {
    weft: {
      name: 'bench-weft',
      driver: 'weft-macvlan',
      ipamDriver: 'weft',
      options: { parent: parents.weft },
      subnets: [{ subnet: '10.81.0.0/24', gateway: '10.81.0.1' }],
    },
    builtIn: {
      name: 'bench-builtin',
      driver: 'macvlan',
      options: { parent: parents.builtIn },
      subnets: [{ subnet: '10.82.0.0/24', gateway: '10.82.0.1' }],
    },
  };
}

const NETWORKS = networksOn({ weft: 'eth0', builtIn: 'eth0' });

/** Containers on the LAN, by weft's driver and by Docker's own. */
export const macvlan: Bench = {
  name: 'macvlan',
  title: 'macvlan: networks, containers and traffic on a LAN, beside Docker’s macvlan',
  async run(options) {
    await using boot = await bootWeftHost(options.engine);
    const { docker } = boot.host;
    const networks = await interleave<Side, NetworkStep | 'docker'>(
      {
        weft: dockerApart(lifecycle(docker, NETWORKS.weft), () => timeInWeftd(boot.host)),
        builtIn: dockerApart(lifecycle(docker, NETWORKS.builtIn), async () => 0),
      },
      roundsOf(options, 40, 6),
      2,
    );
    for (const spec of Object.values(NETWORKS)) await docker.createNetwork(spec);
    const lives = await interleave<Side, LifeStep>(
      {
        weft: life(docker, { network: NETWORKS.weft.name }),
        builtIn: life(docker, { network: NETWORKS.builtIn.name }),
      },
      roundsOf(options, 40, 5),
      2,
    );
    // Docker's macvlan of engine 20.10 admits one network on a device.
    for (const { name } of Object.values(NETWORKS)) await docker.removeNetwork(name);
    const wholes = await interleave<Side, 'whole'>(
      {
        weft: networkAndContainer(docker, NETWORKS.weft),
        builtIn: networkAndContainer(docker, NETWORKS.builtIn),
      },
      roundsOf(options, 20, 3),
      2,
    );
    for (const spec of Object.values(NETWORKS)) await docker.createNetwork(spec);
    const lan = await createMachine(boot.underlay);
    const streams = await interleave<Side, Stream>(
      {
        weft: await traffic(docker, lan, NETWORKS.weft.name, '10.81.0.200/24'),
        builtIn: await traffic(docker, lan, NETWORKS.builtIn.name, '10.82.0.200/24'),
      },
      roundsOf(options, 7, 2),
      1,
    );
    const steps = ['create', 'start', 'stop', 'remove'] as const;
    return [
      figure('network create + remove', 'ms', networks, 'both', { of: 'ratio', atMost: 0.9 }),
      figure('network   create', 'ms', networks, 'create'),
      figure('network   remove', 'ms', networks, 'remove'),
      figure('network   both, without weftd’s answers', 'ms', networks, 'docker'),
      figure('container life', 'ms', lives, 'whole', { of: 'ratio', atMost: 0.9 }),
      ...steps.map((step) => figure(`container   ${step}`, 'ms', lives, step)),
      figure('network created, one container’s life, network removed', 'ms', wholes, 'whole'),
      figure('one TCP stream between two containers', 'Gbit/s', streams, 'inside', AS_FAST),
      figure('one TCP stream from the LAN', 'Gbit/s', streams, 'fromLan', AS_FAST),
    ];
  },
};

const AS_FAST: Target = { of: 'ratio', atLeast: 1, noise: NOISE };

function figure<Kind extends string>(
  what: string,
  unit: Figure['unit'],
  { weft, builtIn }: Readonly<Record<Side, Readonly<Record<Kind, readonly number[]>>>>,
  kind: Kind,
  target?: Target,
): Figure {
  return {
    what,
    unit,
    weft: spreadOf(weft[kind]),
    other: spreadOf(builtIn[kind]),
    ...(target === undefined ? {} : { target }),
  };
}

/**
 * Adds what is left of a network's life when the plugin's answers take no time: Docker, and its way to a plugin and back.
 * @param spent milliseconds that the plugin has taken so far.
 */
function dockerApart(
  whole: Variant<NetworkStep>,
  spent: () => Promise<number>,
): Variant<NetworkStep | 'docker'> {
  return async (round) => {
    const before = await spent();
    const times = await whole(round);
    return { ...times, docker: Number(times.both) - ((await spent()) - before) };
  };
}

/** What a Compose project with one service asks of Docker, up and down. */
function networkAndContainer(docker: DockerClient, spec: NetworkSpec): Variant<'whole'> {
  const container = life(docker, { network: spec.name });
  return async (round) => ({
    whole: await timed(async () => {
      await docker.createNetwork(spec);
      await container(round);
      await docker.removeNetwork(spec.name);
    }),
  });
}

/** @param address what the machine of the LAN has in the network's subnet. */
async function traffic(
  docker: DockerClient,
  lan: Machine,
  network: string,
  address: string,
): Promise<Variant<Stream>> {
  await lan.exec(['ip', 'address', 'add', address, 'dev', 'eth0']);
  const server = await docker.runContainer({ network, cmd: ['iperf3', '-s'] });
  const client = await docker.runContainer({ network });
  const { IPAddress } = await server.endpoint();
  const iperf = ['iperf3', '-J', '-t', `${SECONDS}`, '-c', IPAddress];
  return async () => ({
    inside: received(await client.exec(iperf)),
    fromLan: received(await lan.exec(iperf)),
  });
}
