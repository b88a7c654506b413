import type { DockerClient } from '../test/lab/index.ts';
import { type Bench, roundsOf } from './harness/bench.ts';
import type { Figure } from './harness/figure.ts';
import { interleave, type Variant } from './harness/interleave.ts';
import { bootOverlayPair, OVERLAYS, type OverlayKey } from './harness/overlay-pair.ts';
import { spreadOf } from './harness/statistics.ts';
import { timed } from './harness/stopwatch.ts';

const STEPS = ['create', 'start', 'stop', 'remove'] as const;
type Step = (typeof STEPS)[number] | 'whole';

/** A container's life on an overlay of two hosts. */
export const overlayLifecycle: Bench = {
  name: 'overlay-container',
  title: 'container create + start + stop + remove on an overlay through the Engine API',
  other: 'Swarm overlay',
  async run(options) {
    await using pair = await bootOverlayPair(options.engine);
    const { docker } = pair.a;
    const { weft, builtIn } = await interleave<OverlayKey, Step>(
      { weft: life(docker, OVERLAYS.weft.name), builtIn: life(docker, OVERLAYS.builtIn.name) },
      roundsOf(options, 40, 5),
      2,
    );
    return (['whole', ...STEPS] as const).map(
      (step): Figure => ({
        what: step === 'whole' ? 'whole life' : `  ${step}`,
        unit: 'ms',
        weft: spreadOf(weft[step]),
        other: spreadOf(builtIn[step]),
        ...(step === 'whole' ? { target: { of: 'ratio', atMost: 0.6 } } : {}),
      }),
    );
  },
};

function life(docker: DockerClient, network: string): Variant<Step> {
  const name = `life-${network}`;
  return async () => {
    const started = performance.now();
    const container = await docker.createContainer({ network, name });
    const create = performance.now() - started;
    const start = await timed(() => container.start());
    const stop = await timed(() => container.stop());
    const remove = await timed(() => container.remove());
    return { create, start, stop, remove, whole: create + start + stop + remove };
  };
}
