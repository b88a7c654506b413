import { setTimeout as delay } from 'node:timers/promises';
import type { ClusterNode } from '../../../lab/index.ts';
import type { OverlayScene } from '../overlay-scene.ts';
import { askDoctor, askDrift, viewHost } from './host-view.ts';
import { difference, violations } from './invariants.ts';
import type { Model } from './model.ts';
import type { Random } from './random.ts';
import { reachViolations } from './reach.ts';
import { viewStore } from './store-view.ts';

/** How long all may take to settle once nothing is broken any more. */
const SETTLE_MS = 90_000;
/** All is settled when it has been so for this long. */
const CALM_MS = 1500;
/** Of what takes longer than this to settle, what is missing is told. */
const SLOW_MS = 10_000;
const LOOK_MS = 250;
/**
 * Up to 26.1 Docker takes this rule out and in again at the end of each `network create`, and two creations at once may
 * leave it there twice (moby: libnetwork arrangeUserFilterRule).
 */
const DOCKERS_JUMP = /^nft rule ip6? filter FORWARD .*"target":"DOCKER-USER"/;

/** Compares a cluster with its model. */
export class Inspector {
  readonly #scene: OverlayScene;
  readonly #tell: (line: string) => void;
  /** What each host was advised of before anything happened. */
  readonly #advice: ReadonlyMap<string, readonly string[]>;
  /** What each host had before anything happened. */
  readonly #things: ReadonlyMap<string, readonly string[]>;

  private constructor(
    scene: OverlayScene,
    tell: (line: string) => void,
    advice: ReadonlyMap<string, readonly string[]>,
    things: ReadonlyMap<string, readonly string[]>,
  ) {
    this.#scene = scene;
    this.#tell = tell;
    this.#advice = advice;
    this.#things = things;
  }

  /** Looks at hosts of which nobody has made anything yet. */
  static async open(scene: OverlayScene, tell: (line: string) => void): Promise<Inspector> {
    const [advice, things] = [await ofEach(scene, adviceOf), await ofEach(scene, thingsOf)];
    return new Inspector(scene, tell, advice, things);
  }

  /** Waits until all is as the model says, and says what is not when the time is over. */
  async settle(model: Model): Promise<readonly string[]> {
    const began = performance.now();
    let calmSince: number | undefined;
    let told = '';
    for (;;) {
      const wrong = await this.#look(model).catch((error: unknown) => [`cannot look: ${error}`]);
      const now = performance.now();
      calmSince = wrong.length > 0 ? undefined : (calmSince ?? now);
      if (calmSince !== undefined && now - calmSince >= CALM_MS) return [];
      if (now - began > SETTLE_MS && wrong.length > 0) return wrong;
      if (wrong.length > 0 && now - began > SLOW_MS && told !== wrong.join()) {
        told = wrong.join();
        this.#tell(`not yet after ${Math.round((now - began) / 1000)} s:\n    ${wrong.join('\n    ')}`);
      }
      await delay(LOOK_MS);
    }
  }

  /** What is looked at once all is settled: that packets pass, and that nothing needs repair or advice. */
  async inspect(model: Model, random: Random): Promise<readonly string[]> {
    const before = await ofEach(this.#scene, repairsOf);
    const unreached = await reachViolations(this.#scene, model, random);
    const after = await ofEach(this.#scene, repairsOf);
    const advice = await ofEach(this.#scene, adviceOf);
    return [
      ...unreached,
      ...more(before, after),
      ...more(this.#advice, advice),
      ...(await this.settle(model)),
    ];
  }

  /** What the hosts have and had not when nothing had happened, with nothing left of what was made. */
  async leaks(): Promise<readonly string[]> {
    const began = performance.now();
    for (;;) {
      const left = more(this.#things, await ofEach(this.#scene, thingsOf));
      if (left.length === 0 || performance.now() - began > SETTLE_MS) return left;
      await delay(LOOK_MS);
    }
  }

  async #look(model: Model): Promise<readonly string[]> {
    const { nodes, cluster } = this.#scene;
    const [store, ...hosts] = await Promise.all([viewStore(cluster.etcd), ...nodes.map(viewHost)]);
    return violations(model, { store, hosts });
  }
}

async function ofEach(
  { nodes }: OverlayScene,
  ask: (node: ClusterNode) => Promise<readonly string[]>,
): Promise<ReadonlyMap<string, readonly string[]>> {
  return new Map(await Promise.all(nodes.map(async (node) => [node.name, await ask(node)] as const)));
}

function more(
  before: ReadonlyMap<string, readonly string[]>,
  after: ReadonlyMap<string, readonly string[]>,
): readonly string[] {
  return [...after].flatMap(([name, lines]) =>
    difference('since then', before.get(name) ?? [], lines)
      .filter((line) => line.includes('too much'))
      .map((line) => `${name}: ${line}`),
  );
}

async function thingsOf({ host }: ClusterNode): Promise<readonly string[]> {
  return (await host.leaks()).filter((thing) => !DOCKERS_JUMP.test(thing));
}

async function repairsOf(node: ClusterNode): Promise<readonly string[]> {
  const { repairs } = await askDrift(node);
  return repairs.map(({ time, key, cause, action }) => `drift: ${key} was ${cause} and ${action} at ${time}`);
}

async function adviceOf(node: ClusterNode): Promise<readonly string[]> {
  return (await askDoctor(node))
    .filter(({ level }) => level === 'warn' || level === 'fail')
    .map(({ id, level, title }) => `doctor: ${level}: ${id}: ${title}`);
}
