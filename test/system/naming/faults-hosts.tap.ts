import t from 'tap';
import { OverlayScene } from '../overlay/overlay-scene.ts';
import { HOST_FAULTS } from './suite-host-faults.ts';

t.setTimeout(300_000);

const scene = await OverlayScene.open({ hosts: 3, engine: '28.5' });
try {
  await scene.run(t, HOST_FAULTS);
} finally {
  await scene[Symbol.asyncDispose]();
}
