import type { Test } from 'tap';
import { pings } from '../bridge/probe.ts';
import type { LanContainer, LanHost, LanScene } from './lan-scene.ts';

type Place = 'sibling' | 'elsewhere' | 'machine' | 'router' | 'host' | 'otherHost';

/** Who answers a container on a LAN, of those who are asked. */
export type Answers = Readonly<Partial<Record<Place, boolean>>>;

/** In modes in which frames are bridged, by what siblings hear of each other (ip-link(8), networking/ipvlan.rst). */
export const BRIDGED: Readonly<Record<'bridge' | 'private' | 'vepa', Answers>> = {
  bridge: { sibling: true, elsewhere: true, machine: true, router: true, host: false, otherHost: true },
  private: { sibling: false, elsewhere: true, machine: true, router: true, host: false, otherHost: true },
  // The switch of this LAN does not send frames back where they came from.
  vepa: { sibling: false, elsewhere: true, machine: true, router: true, host: false, otherHost: true },
};

/** A driver's containers on a host: the first one asks, the second is its sibling. */
export interface Side {
  readonly on: LanHost;
  readonly driver: string;
  readonly containers: readonly LanContainer[];
}

/** Asserts that on each of two hosts those answer who are expected to, whichever driver it has. */
export async function assertAnswers(
  t: Test,
  scene: LanScene,
  sides: readonly [Side, Side],
  { mode, expected, keys }: { mode: string; expected: Answers; keys: readonly ('ip' | 'ip6')[] },
): Promise<void> {
  const { lan, underlay } = scene;
  const routers = { ip: `${underlay.prefix4}.1`, ip6: `${underlay.prefix6}1` };
  for (const [{ on, driver, containers }, there] of [sides, sides.toReversed() as [Side, Side]]) {
    const [asking, sibling] = containers;
    const [far] = there.containers;
    if (asking === undefined || far === undefined) throw new Error('no containers');
    for (const key of keys) {
      const places: Readonly<Record<Place, string | undefined>> = {
        sibling: sibling?.[key],
        elsewhere: far[key],
        machine: lan[key],
        router: routers[key],
        host: on.host[key],
        otherHost: there.on.host[key],
      };
      const answers: Partial<Record<Place, boolean>> = {};
      for (const [place, ip] of Object.entries(places) as [Place, string | undefined][]) {
        if (place in expected && ip !== undefined) answers[place] = await pings(asking.container, ip);
      }
      t.same(answers, expected, `${mode}, ${driver}, ${key}`);
    }
  }
}
