import { tmpdir } from 'node:os';
import { type DockerClient, until } from '../test/lab/index.ts';
import { type Bench, roundsOf } from './harness/bench.ts';
import { DnsLoad } from './harness/dns-load.ts';
import { type Figure, single } from './harness/figure.ts';
import { interleave, type Variant } from './harness/interleave.ts';
import { spreadOf } from './harness/statistics.ts';
import { bootWeftHost, NETWORKS } from './harness/weft-host.ts';

/** Containers on each network whose names are asked for. */
const NAMES = 10;
const SECONDS = 2;
/** As many programs of a container may ask at one time. */
const OUTSTANDING = 64;
/** Far below what either answers: what is measured is the way of one query. */
const PACED = 1000;
/** Medians of a few rounds of the same thing differ by this much on a machine that does nothing else. */
const NOISE = 0.03;

type Kind = 'perSecond' | 'p50' | 'p99' | 'failed';

/** Names of containers on the same host, by weft's resolver and by Docker's embedded one. */
export const dns: Bench = {
  name: 'dns',
  title: `names of ${NAMES} containers on the same host, asked by dnsperf for ${SECONDS} s a time`,
  other: 'Docker’s resolver',
  async run(options) {
    await using boot = await bootWeftHost(options.engine);
    const { docker } = boot.host;
    for (const spec of Object.values(NETWORKS)) await docker.createNetwork(spec);
    using weftLoad = await place(docker, NETWORKS.weft.name);
    using builtInLoad = await place(docker, NETWORKS.builtIn.name);
    options.progress('measuring');
    const variants = { weft: measuring(weftLoad), builtIn: measuring(builtInLoad) };
    const measured = await interleave<keyof typeof variants, Kind>(variants, roundsOf(options, 7, 2), 1);
    const { weft, builtIn } = measured;
    const figure = (what: string, kind: Kind, unit: Figure['unit'], target: Figure['target']): Figure => ({
      what,
      unit,
      weft: spreadOf(weft[kind]),
      other: spreadOf(builtIn[kind]),
      ...(target === undefined ? {} : { target }),
    });
    const slowest = { of: 'ratio', atMost: 1, noise: NOISE } as const;
    return [
      figure(`queries, ${OUTSTANDING} at a time`, 'perSecond', '/s', {
        of: 'ratio',
        atLeast: 1,
        noise: NOISE,
      }),
      figure(`one query, median, at ${PACED} a second`, 'p50', 'us', undefined),
      figure(`one query, 99th of 100, at ${PACED} a second`, 'p99', 'us', slowest),
      {
        what: 'queries without a right answer',
        unit: 'events',
        weft: single(total(weft.failed)),
        other: single(total(builtIn.failed)),
        target: { of: 'p50', atMost: 0 },
      },
    ];
  },
};

/** Containers with names, and one that asks for them. */
async function place(docker: DockerClient, network: string): Promise<DnsLoad> {
  const names = Array.from({ length: NAMES }, (_, index) => `${network}-${index}`);
  for (const name of names) await docker.runContainer({ network, name });
  const client = await docker.runContainer({ network });
  for (const name of names) {
    await until(`${name} resolves`, async () => {
      const { code, stdout } = await client.tryNetExec(['dig', '+short', '@127.0.0.11', name]);
      return code === 0 && stdout.trim() !== '';
    });
  }
  return new DnsLoad(client, names, tmpdir());
}

function measuring(load: DnsLoad): Variant<Kind> {
  return async () => {
    const flat = await load.flat({ seconds: SECONDS, outstanding: OUTSTANDING });
    const paced = await load.paced({ seconds: SECONDS, outstanding: OUTSTANDING, rate: PACED });
    const { p50, p99 } = paced;
    return { perSecond: flat.perSecond, p50, p99, failed: flat.failed + paced.failed };
  };
}

function total(values: readonly number[]): number {
  return values.reduce((sum, each) => sum + each, 0);
}
