import t from 'tap';
import { OverlayScene } from './overlay-scene.ts';
import { STORE_FAULTS } from './suite-store-faults.ts';

/* etcd fails, its members and the way to it; traffic goes on. */

t.setTimeout(900_000);

const scene = await OverlayScene.open({ hosts: 3, engine: '28.5' });
try {
  await scene.run(t, STORE_FAULTS);
} finally {
  await scene[Symbol.asyncDispose]();
}
