import t from 'tap';
import { OverlayScene } from '../overlay/overlay-scene.ts';
import { NAMES } from './suite-names.ts';

/* Names and virtual IPs over three hosts, each with another engine. */

t.setTimeout(300_000);

const scene = await OverlayScene.open({ hosts: 3, engine: ['20.10', '26.1', '28.5'] });
try {
  await scene.run(t, NAMES);
} finally {
  await scene[Symbol.asyncDispose]();
}
