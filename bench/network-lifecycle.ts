import type { DockerClient, NetworkSpec } from '../test/lab/index.ts';
import type { Bench } from './harness/bench.ts';
import { roundsOf } from './harness/bench.ts';
import type { Figure } from './harness/figure.ts';
import { interleave, type Variant } from './harness/interleave.ts';
import { spreadOf } from './harness/statistics.ts';
import { timed } from './harness/stopwatch.ts';
import { bootWeftHost, NETWORKS } from './harness/weft-host.ts';

export type NetworkStep = 'create' | 'remove' | 'both';

/** Making a network and removing it again, as a user does before and after a Compose project. */
export const networkLifecycle: Bench = {
  name: 'network',
  title: 'network create + remove through the Engine API',
  async run(options) {
    await using boot = await bootWeftHost(options.engine);
    return await networkFigures(boot.host.docker, NETWORKS, roundsOf(options, 40, 6), 0.35);
  },
};

/** @param atMost the ratio that is aimed at. */
export async function networkFigures(
  docker: DockerClient,
  networks: Readonly<Record<'weft' | 'builtIn', NetworkSpec>>,
  rounds: number,
  atMost: number,
): Promise<readonly Figure[]> {
  const { weft, builtIn } = await interleave<'weft' | 'builtIn', NetworkStep>(
    { weft: lifecycle(docker, networks.weft), builtIn: lifecycle(docker, networks.builtIn) },
    rounds,
    2,
  );
  return (['create', 'remove', 'both'] as const).map((step) => ({
    what: step === 'both' ? 'create + remove' : step,
    unit: 'ms',
    weft: spreadOf(weft[step]),
    other: spreadOf(builtIn[step]),
    ...(step === 'both' ? { target: { of: 'ratio', atMost } } : {}),
  }));
}

/** Milliseconds of one network's life. */
export function lifecycle(docker: DockerClient, spec: NetworkSpec): Variant<NetworkStep> {
  return async () => {
    const create = await timed(() => docker.createNetwork(spec));
    const remove = await timed(() => docker.removeNetwork(spec.name));
    return { create, remove, both: create + remove };
  };
}
