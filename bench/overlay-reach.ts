import { type Bench, type BenchOptions, roundsOf } from './harness/bench.ts';
import { Churn } from './harness/churn.ts';
import type { Figure, Target } from './harness/figure.ts';
import { interleave, type Series, type Variant } from './harness/interleave.ts';
import { bootOverlayPair, OVERLAYS, type OverlayKey, type OverlayPair } from './harness/overlay-pair.ts';
import { type Reached, ReachProber } from './harness/reach-prober.ts';
import { type Spread, spreadOf } from './harness/statistics.ts';

const CHURN_STARTS_PER_SECOND = 10;
/** Measured starts while one churn goes on. */
const STARTS_A_CHURN = 10;
/** A median below this is the client's own pace and says nothing of the network. */
const CLIENT_FLOOR_MS = 5;
/** So is a p99 below this: a busy machine starts a ping as late as that. */
const SLOW_MS = 50;
const RATIO = 0.5;
const SLOWEST_MS = 100;

type Moment = keyof Reached | 'start' | 'called' | 'churn';
type Both = Readonly<Record<OverlayKey, Series<Moment>>>;

/** How soon a container of one host is reached from another. */
export const overlayReach: Bench = {
  name: 'overlay-reach',
  title: 'from the return of `docker start` on one host to a ping from another',
  other: 'Swarm overlay',
  async run(options) {
    await using pair = await bootOverlayPair(options.engine);
    const weft = await measuring(pair, 'weft');
    const builtIn = await measuring(pair, 'builtIn');
    const quiet = await interleave<OverlayKey, Moment>({ weft, builtIn }, roundsOf(options, 200, 4), 1);
    options.progress(`the same beside ${CHURN_STARTS_PER_SECOND} other starts a second`);
    const busy = await interleave<OverlayKey, Moment>(
      { weft: besideChurn(pair, 'weft', weft), builtIn: besideChurn(pair, 'builtIn', builtIn) },
      churnRounds(options),
      0,
    );
    return [...figures('', quiet), ...figures('churn: ', busy), reachedRate(busy)];
  },
};

function churnRounds(options: BenchOptions): number {
  return Math.ceil(roundsOf(options, 200, 4) / STARTS_A_CHURN);
}

/** Starts a container with an address nobody had, and waits until both clients on the other host reach it. */
async function measuring({ a, b }: OverlayPair, key: OverlayKey): Promise<Variant<Moment>> {
  const { name: network, subnets } = OVERLAYS[key];
  const prober = await ReachProber.place(b, network);
  const base = subnets[0].subnet.split('.', 2).join('.');
  let taken = 0;
  return async () => {
    taken += 1;
    const ip = `${base}.${100 + Math.floor(taken / 250)}.${1 + (taken % 250)}`;
    const container = await a.docker.createContainer({ network, ip, name: `${network}-reached` });
    let start = 0;
    const reached = await prober.measure(ip, async () => {
      const began = performance.now();
      await container.start();
      start = performance.now() - began;
    });
    await container.remove();
    return { ...reached, start, called: start + reached.first, churn: [] };
  };
}

/** The same several times while other containers start on the same host and network. */
function besideChurn(pair: OverlayPair, key: OverlayKey, once: Variant<Moment>): Variant<Moment> {
  return async (round) => {
    const churn = Churn.start(pair.a, OVERLAYS[key].name, CHURN_STARTS_PER_SECOND);
    const measured: Readonly<Record<Moment, number | readonly number[]>>[] = [];
    for (let i = 0; i < STARTS_A_CHURN; i++) measured.push(await once(round));
    const { startsPerSecond } = await churn.stop();
    const all = (moment: Moment) => measured.flatMap((each) => each[moment]);
    return {
      eager: all('eager'),
      first: all('first'),
      plain: all('plain'),
      start: all('start'),
      called: all('called'),
      churn: startsPerSecond,
    };
  };
}

function figures(prefix: string, { weft, builtIn }: Both): readonly Figure[] {
  const figure = (what: string, moment: Moment, target?: Target): Figure => ({
    what: `${prefix}${what}`,
    unit: 'ms',
    weft: spreadOf(weft[moment]),
    other: spreadOf(builtIn[moment]),
    ...(target === undefined ? {} : { target }),
  });
  const judged = (what: string, moment: 'eager' | 'plain'): readonly Figure[] => [
    figure(what, moment, ratioTarget(spreadOf(builtIn[moment]))),
    figure(`${what}, slowest`, moment, { of: 'p99', atMost: SLOWEST_MS }),
  ];
  return [
    ...judged('a client that tries every 2 ms', 'eager'),
    ...judged('`ping -c 1` until it succeeds', 'plain'),
    figure('first answer (negative: before the return)', 'first'),
    figure('the same from the call of `docker start`', 'called'),
    figure('`docker start` itself', 'start'),
  ];
}

/** Where the other's median, or even its slowest, is the client's own pace, weft cannot be twice as quick. */
function ratioTarget(other: Spread): Target | undefined {
  if (other.p50 >= CLIENT_FLOOR_MS) return { of: 'ratio', atMost: RATIO };
  return other.p99 >= SLOW_MS ? { of: 'ratio99', atMost: RATIO } : undefined;
}

function reachedRate({ weft, builtIn }: Both): Figure {
  const what = `churn: starts a second, ${CHURN_STARTS_PER_SECOND} asked for`;
  return { what, unit: '/s', weft: spreadOf(weft.churn), other: spreadOf(builtIn.churn) };
}
