import t from 'tap';
import { OverlayScene } from '../overlay/overlay-scene.ts';
import { ROLLING } from './suite-rolling.ts';

/* Backends on three hosts, each with another engine, are replaced while requests go to them. */

t.setTimeout(300_000);

const scene = await OverlayScene.open({ hosts: 3, engine: ['20.10', '26.1', '28.5'] });
try {
  await scene.run(t, ROLLING);
} finally {
  await scene[Symbol.asyncDispose]();
}
