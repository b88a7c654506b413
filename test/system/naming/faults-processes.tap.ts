import t from 'tap';
import { OverlayScene } from '../overlay/overlay-scene.ts';
import { PROCESS_FAULTS } from './suite-faults.ts';

t.setTimeout(300_000);

const scene = await OverlayScene.open({ hosts: 3, engine: '28.5' });
try {
  await scene.run(t, PROCESS_FAULTS);
} finally {
  await scene[Symbol.asyncDispose]();
}
