import { join } from 'node:path';
import { CHECKOUT, type Container, type LabProcess, NODE, until } from '../test/lab/index.ts';
import { type Bench, type BenchOptions, roundsOf } from './harness/bench.ts';
import type { Figure, Target } from './harness/figure.ts';
import { interleave, type Variant } from './harness/interleave.ts';
import { bootOverlayPair, OVERLAYS, type OverlayKey, type OverlayPair } from './harness/overlay-pair.ts';
import { spreadOf } from './harness/statistics.ts';

/** Starts that are not counted. */
const WARM_UP = 2;
const SLOWEST_MS = 100;
const PATIENCE_MS = 30_000;

/** Milliseconds: from the return, and from the call of `docker start`, and how long that took. */
type Moment = 'resolved' | 'called' | 'start';

/** How soon a container of one host has a name on another. */
export const namesReach: Bench = {
  name: 'names-reach',
  title: 'from the return of `docker start` on one host until the name resolves in a container on another',
  other: 'Swarm overlay',
  async run(options) {
    await using pair = await bootOverlayPair(options.engine);
    const variants = {
      weft: await measuring(pair, 'weft', options),
      builtIn: await measuring(pair, 'builtIn', options),
    };
    const { weft, builtIn } = await interleave<OverlayKey, Moment>(variants, rounds(options), WARM_UP);
    const figure = (what: string, moment: Moment, target?: Target): Figure => ({
      what,
      unit: 'ms',
      weft: spreadOf(weft[moment]),
      other: spreadOf(builtIn[moment]),
      ...(target === undefined ? {} : { target }),
    });
    return [
      figure('a client that asks every 2 ms (negative: before the return)', 'resolved', {
        of: 'p99',
        atMost: SLOWEST_MS,
      }),
      figure('the same from the call of `docker start`', 'called'),
      figure('`docker start` itself', 'start'),
    ];
  },
};

function rounds(options: BenchOptions): number {
  return roundsOf(options, 100, 3);
}

/** Starts a container with a name nobody had, and waits until the client on the other host is told its address. */
async function measuring(
  { a, b }: OverlayPair,
  key: OverlayKey,
  options: BenchOptions,
): Promise<Variant<Moment>> {
  const { name: network } = OVERLAYS[key];
  const count = rounds(options) + WARM_UP;
  const names = Array.from({ length: count }, (_, index) => `${network}-named-${index}`);
  const client = await b.docker.runContainer({ network });
  const waiter = await startWaiter(client, names);
  const next = names.values();
  return async () => {
    const { value: name = '' } = next.next();
    const container = await a.docker.createContainer({ network, name });
    waiter.signal('SIGUSR2');
    const began = now();
    await container.start();
    const returned = now();
    const { IPAddress } = await container.endpoint(network);
    const { at, address } = await answerOf(waiter, name);
    if (address !== IPAddress) throw new Error(`${name} resolved to ${address}, and has ${IPAddress}`);
    await container.remove();
    return { resolved: at - returned, called: at - began, start: returned - began };
  };
}

async function startWaiter(client: Container, names: readonly string[]): Promise<LabProcess> {
  const script = join(CHECKOUT, 'bench/harness/name-waiter.ts');
  const waiter = await client.netSpawn([NODE, script, ...names]);
  await until('the client is ready', () => waiter.lines.includes('ready'));
  return waiter;
}

async function answerOf(
  { lines }: LabProcess,
  name: string,
): Promise<{ readonly at: number; readonly address: string }> {
  const line = await until(`${name} resolves`, () => lines.find((each) => each.startsWith(`${name} `)), {
    timeoutMs: PATIENCE_MS,
  });
  const [, at, address = ''] = line.split(' ');
  return { at: Number(at), address };
}

/** Milliseconds since the epoch. */
function now(): number {
  return performance.timeOrigin + performance.now();
}
