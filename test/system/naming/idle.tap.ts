import t from 'tap';
import { OverlayScene } from '../overlay/overlay-scene.ts';
import { IDLE } from './suite-idle.ts';

t.setTimeout(200_000);

const scene = await OverlayScene.open({ hosts: 3, engine: ['28.5', '26.1', '20.10'] });
try {
  await scene.run(t, IDLE);
} finally {
  await scene[Symbol.asyncDispose]();
}
