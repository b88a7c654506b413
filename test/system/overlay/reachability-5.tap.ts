import t from 'tap';
import { OverlayScene } from './overlay-scene.ts';
import { REACHABILITY } from './suite-reachability.ts';

/* Five hosts, the engines in turn. */

t.setTimeout(600_000);

const scene = await OverlayScene.open({ hosts: 5, engine: ['28.5', '26.1', '20.10', '28.5', '26.1'] });
try {
  await scene.run(t, REACHABILITY);
} finally {
  await scene[Symbol.asyncDispose]();
}
