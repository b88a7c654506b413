import type { ContainerSpec, DockerClient } from '../test/lab/index.ts';
import { type Bench, roundsOf } from './harness/bench.ts';
import type { Figure, Target } from './harness/figure.ts';
import { interleave, type Series, type Variant } from './harness/interleave.ts';
import { differences, spreadOf } from './harness/statistics.ts';
import { timed } from './harness/stopwatch.ts';
import { bootWeftHost, NETWORKS } from './harness/weft-host.ts';

const STEPS = ['create', 'start', 'stop', 'remove'] as const;
export type LifeStep = (typeof STEPS)[number] | 'whole';

/** A container's life on no network, on Docker's bridge and on weft's; the first is the floor no driver gets below. */
export const containerLifecycle: Bench = {
  name: 'container',
  title: 'container create + start + stop + remove through the Engine API (stop at once with SIGKILL)',
  async run(options) {
    await using boot = await bootWeftHost(options.engine);
    const { docker } = boot.host;
    for (const spec of Object.values(NETWORKS)) await docker.createNetwork(spec);
    const lives = await interleave<'none' | 'weft' | 'builtIn' | 'weftPort' | 'builtInPort', LifeStep>(
      {
        none: life(docker, { network: 'none' }),
        builtIn: life(docker, { network: NETWORKS.builtIn.name }),
        weft: life(docker, { network: NETWORKS.weft.name }),
        builtInPort: life(docker, { network: NETWORKS.builtIn.name, ports: ['8001:80'] }),
        weftPort: life(docker, { network: NETWORKS.weft.name, ports: ['8002:80'] }),
      },
      roundsOf(options, 40, 5),
      2,
    );
    const { none, weft, builtIn, weftPort, builtInPort } = lives;
    return [
      ...figures('no port', weft, builtIn, none, { whole: 0.92, added: 0.75 }),
      ...figures('one port', weftPort, builtInPort, none, { whole: 0.8, added: 0.6 }),
      ...([...STEPS, 'whole'] as const).map((step): Figure => {
        const floor = spreadOf(none[step]);
        return { what: `network none (left: the floor): ${step}`, unit: 'ms', weft: floor };
      }),
    ];
  },
};

/** Milliseconds of one container's life. */
export function life(docker: DockerClient, spec: ContainerSpec): Variant<LifeStep> {
  const name = `life-${spec.network}-${spec.ports?.length ?? 0}`;
  return async () => {
    const started = performance.now();
    const container = await docker.createContainer({ ...spec, name });
    const create = performance.now() - started;
    const start = await timed(() => container.start());
    const stop = await timed(() => container.stop());
    const remove = await timed(() => container.remove());
    return { create, start, stop, remove, whole: create + start + stop + remove };
  };
}

function figures(
  kind: string,
  weft: Series<LifeStep>,
  builtIn: Series<LifeStep>,
  floor: Series<LifeStep>,
  atMost: { readonly whole: number; readonly added: number },
): readonly Figure[] {
  const bound = (value: number): Target => ({ of: 'ratio', atMost: value });
  const added = (series: Series<LifeStep>, step: LifeStep) =>
    spreadOf(differences(series[step], floor[step]));
  return [
    {
      what: `${kind}: whole life`,
      unit: 'ms',
      weft: spreadOf(weft.whole),
      other: spreadOf(builtIn.whole),
      target: bound(atMost.whole),
    },
    {
      what: `${kind}: above the floor`,
      unit: 'ms',
      weft: added(weft, 'whole'),
      other: added(builtIn, 'whole'),
      target: bound(atMost.added),
    },
    ...STEPS.flatMap((step): readonly Figure[] => [
      { what: `${kind}:   ${step}`, unit: 'ms', weft: spreadOf(weft[step]), other: spreadOf(builtIn[step]) },
    ]),
    ...STEPS.map(
      (step): Figure => ({
        what: `${kind}:   ${step}, above the floor`,
        unit: 'ms',
        weft: added(weft, step),
        other: added(builtIn, step),
      }),
    ),
  ];
}
