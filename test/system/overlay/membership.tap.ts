import t from 'tap';
import { OverlayScene } from './overlay-scene.ts';
import { MEMBERSHIP } from './suite-membership.ts';
import { NODES } from './suite-nodes.ts';

/* What a network is on several hosts: who has it, who defines it, who may not join. */

t.setTimeout(600_000);

const scene = await OverlayScene.open({ hosts: 3, engine: ['20.10', '26.1', '28.5'] });
try {
  await scene.run(t, { ...MEMBERSHIP, ...NODES });
} finally {
  await scene[Symbol.asyncDispose]();
}
