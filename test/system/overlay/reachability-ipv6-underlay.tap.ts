import t from 'tap';
import { OverlayScene } from './overlay-scene.ts';
import { REACHABILITY } from './suite-reachability.ts';
import { WIRE } from './suite-wire.ts';

/* Three hosts, each with another engine, with tunnels and etcd over IPv6. */

t.setTimeout(600_000);

const scene = await OverlayScene.open({ hosts: 3, engine: ['20.10', '26.1', '28.5'], underlay: 'ipv6' });
try {
  await scene.run(t, { ...REACHABILITY, ...WIRE });
} finally {
  await scene[Symbol.asyncDispose]();
}
