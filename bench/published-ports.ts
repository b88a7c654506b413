import { setTimeout as delay } from 'node:timers/promises';
import type { ContainerSpec, DockerClient } from '../test/lab/index.ts';
import { BareWeftd } from './harness/bare-weftd.ts';
import { type Bench, type BenchOptions, roundsOf } from './harness/bench.ts';
import { type BenchEndpoint, EngineSide } from './harness/engine-side.ts';
import { type Figure, single } from './harness/figure.ts';
import { interleave, type Variant } from './harness/interleave.ts';
import { Population } from './harness/populate.ts';
import { median, spreadOf } from './harness/statistics.ts';
import { timed } from './harness/stopwatch.ts';
import { bootWeftHost, NETWORKS } from './harness/weft-host.ts';

const FIRST_PORT = 20_000;
const MEASURED_PORT = 15_000;
/** Ports a container of the population publishes. */
const PORTS_EACH = 5;

/** What one more port costs when few and when many are published. */
export const publishedPorts: Bench = {
  name: 'ports',
  title: 'publishing one more port, weft alone beside 5 ports; then both drivers through the Engine API',
  other: 'few, built-in',
  async run(options) {
    const many = options.quick ? 500 : 5000;
    return [
      ...(await oneContainer(options, many)),
      ...(await manyContainers(options, many)),
      ...(await throughTheEngine(options)),
    ];
  },
};

/** The ports that exist belong to one container. */
async function oneContainer(options: BenchOptions, many: number): Promise<readonly Figure[]> {
  await using weftd = await BareWeftd.boot();
  await using side = new EngineSide(weftd);
  const networkId = await side.createNetwork('10.200.0.0/16');
  const with5 = await holding(side, networkId, 5, options);
  options.progress(`${many} ports of one container`);
  const withMany = await holding(side, networkId, many, options);
  return [
    nextPort(`port ${many} beside a container with all others`, withMany.one, with5.one),
    {
      what: `a port of ${many} published by one call`,
      unit: 'us',
      weft: single(withMany.eachUs),
      other: single(with5.eachUs),
    },
  ];
}

async function holding(
  side: EngineSide,
  networkId: string,
  count: number,
  options: BenchOptions,
): Promise<{ readonly one: readonly number[]; readonly eachUs: number }> {
  const ports = Array.from({ length: count - 1 }, (_, i) => FIRST_PORT + i);
  const holder = await side.join(networkId, ports);
  const whole: number[] = [];
  for (let round = 0; round < 3; round++) {
    if (round > 0) await side.revoke(holder);
    whole.push(await side.program(holder));
  }
  const one = await programTimes(side, await side.join(networkId, [MEASURED_PORT]), options);
  await side.revoke(holder);
  await side.remove(holder);
  return { one, eachUs: (median(whole) * 1000) / ports.length };
}

/** The ports that exist belong to many containers. */
async function manyContainers(options: BenchOptions, many: number): Promise<readonly Figure[]> {
  await using weftd = await BareWeftd.boot();
  await using side = new EngineSide(weftd);
  const population = new Population(weftd, side, options.progress);
  const networkId = await side.createNetwork('10.200.0.0/16');
  const portsOf = (number: number) =>
    Array.from({ length: PORTS_EACH }, (_, i) => FIRST_PORT + number * PORTS_EACH + i);
  const measured = await side.join(networkId, [MEASURED_PORT]);
  await population.growTo(1, networkId, portsOf);
  const few = await programTimes(side, measured, options);
  await population.growTo(many / PORTS_EACH, networkId, portsOf);
  const one = await programTimes(side, measured, options);
  return [nextPort(`port ${many} beside ${many / PORTS_EACH} containers`, one, few)];
}

async function programTimes(
  side: EngineSide,
  endpoint: BenchEndpoint,
  options: BenchOptions,
): Promise<readonly number[]> {
  const times: number[] = [];
  for (let round = -5; round < roundsOf(options, 150, 30); round++) {
    const ms = await side.program(endpoint);
    await delay(10);
    await side.revoke(endpoint);
    await delay(10);
    if (round >= 0) times.push(ms);
  }
  return times;
}

function nextPort(what: string, withMany: readonly number[], withFew: readonly number[]): Figure {
  return {
    what,
    unit: 'ms',
    weft: spreadOf(withMany),
    other: spreadOf(withFew),
    target: { of: 'ratio', atMost: 1.2 },
  };
}

/** Both drivers, with fewer ports: Docker starts two processes and writes several rules for each. */
async function throughTheEngine(options: BenchOptions): Promise<readonly Figure[]> {
  const ports = options.quick ? 10 : 50;
  options.progress(`containers with 1 and ${ports} ports through the Engine`);
  await using boot = await bootWeftHost(options.engine);
  const { docker } = boot.host;
  for (const spec of Object.values(NETWORKS)) await docker.createNetwork(spec);
  const range = (count: number) => Array.from({ length: count }, (_, i) => `${9000 + i}:${1000 + i}`);
  const { weft, builtIn } = await interleave<'weft' | 'builtIn', 'eachStart' | 'eachStop'>(
    {
      weft: portCost(docker, NETWORKS.weft.name, range(ports)),
      builtIn: portCost(docker, NETWORKS.builtIn.name, range(ports)),
    },
    options.rounds ?? 5,
    1,
  );
  return [
    {
      what: `start: each further port of ${ports}`,
      unit: 'ms',
      weft: spreadOf(weft.eachStart),
      other: spreadOf(builtIn.eachStart),
    },
    {
      what: `stop: each further port of ${ports}`,
      unit: 'ms',
      weft: spreadOf(weft.eachStop),
      other: spreadOf(builtIn.eachStop),
    },
  ];
}

function portCost(
  docker: DockerClient,
  network: string,
  ports: readonly string[],
): Variant<'eachStart' | 'eachStop'> {
  return async () => {
    const one = await startAndStop(docker, { network, ports: ports.slice(0, 1) });
    const all = await startAndStop(docker, { network, ports });
    const more = ports.length - 1;
    return { eachStart: (all.start - one.start) / more, eachStop: (all.stop - one.stop) / more };
  };
}

async function startAndStop(
  docker: DockerClient,
  spec: ContainerSpec,
): Promise<{ readonly start: number; readonly stop: number }> {
  const container = await docker.createContainer(spec);
  const start = await timed(() => container.start());
  const stop = await timed(() => container.stop());
  await container.remove();
  return { start, stop };
}
