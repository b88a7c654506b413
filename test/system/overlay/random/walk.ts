import { setTimeout as delay } from 'node:timers/promises';
import type { EngineSeries } from '../../../lab/index.ts';
import { OverlayScene } from '../overlay-scene.ts';
import { unexpected } from './expectation.ts';
import { nextStep } from './generate.ts';
import { askDoctor, askDrift, viewHost } from './host-view.ts';
import { type ClusterView, violations } from './invariants.ts';
import { LabActions } from './lab-actions.ts';
import { advance, emptyModel, isWhole, type Model, type Outcome, type Step } from './model.ts';
import { Random } from './random.ts';
import { reachViolations } from './reach.ts';
import { viewStore } from './store-view.ts';

/** How long all may take to settle once nothing is broken any more. */
const SETTLE_MS = 90_000;

export interface WalkOptions {
  readonly seed: number;
  readonly steps: number;
  readonly hosts: number;
  /** Steps from one quiet point to the next. */
  readonly quietEvery: number;
  /** As for a cluster. */
  readonly engine: EngineSeries | readonly EngineSeries[];
  /** Told of each step and each quiet point. */
  readonly progress: (line: string) => void;
}

export interface WalkResult {
  /** How many steps of each kind were done, and how many of them were refused. */
  readonly kinds: ReadonlyMap<string, { readonly done: number; readonly refused: number }>;
  readonly quietPoints: number;
  /** Milliseconds each quiet point took until every invariant held. */
  readonly settleMs: readonly number[];
  /** What must not be, in the order in which it was found. */
  readonly failures: readonly Failure[];
}

export interface Failure {
  /** Number of the step after which, or during which, it was found. */
  readonly at: number;
  readonly during: string;
  readonly lines: readonly string[];
  /** What the daemons said last. */
  readonly logs: readonly string[];
}

/** Walks at random over a cluster of its own, and compares it at each quiet point with what it should be. */
export async function walk(options: WalkOptions): Promise<WalkResult> {
  const { hosts, engine } = options;
  await using scene = await OverlayScene.open({ hosts, engine, hasLiveRestore: true });
  const walker = new Walker(scene, options);
  await walker.run();
  return walker.result;
}

class Walker {
  readonly #scene: OverlayScene;
  readonly #options: WalkOptions;
  readonly #actions: LabActions;
  readonly #kinds = new Map<string, { done: number; refused: number }>();
  readonly #settleMs: number[] = [];
  readonly #failures: Failure[] = [];
  #model: Model;
  #faultAt = Number.NEGATIVE_INFINITY;
  /** What `weft doctor` said of each host before anything happened. */
  #healthy: ReadonlyMap<string, readonly string[]> = new Map();

  constructor(scene: OverlayScene, options: WalkOptions) {
    this.#scene = scene;
    this.#options = options;
    this.#actions = new LabActions(scene);
    this.#model = this.#empty();
  }

  get result(): WalkResult {
    return {
      kinds: this.#kinds,
      quietPoints: this.#settleMs.length,
      settleMs: this.#settleMs,
      failures: this.#failures,
    };
  }

  async run(): Promise<void> {
    const { steps, seed, quietEvery } = this.#options;
    this.#healthy = await this.#findings();
    for (let at = 1; at <= steps; at++) {
      await this.#step(at, nextStep(this.#model, seed, at));
      if (at % quietEvery === 0 || at === steps) await this.#quiet(at);
    }
    await this.#end(steps);
  }

  #empty(): Model {
    const { nodes, cluster } = this.#scene;
    return emptyModel(
      nodes.map(({ name }) => name),
      cluster.etcd.members.length,
    );
  }

  async #step(at: number, step: Step): Promise<void> {
    const before = this.#model;
    const began = performance.now();
    const outcome = await this.#actions.do(step, before);
    const model = advance(before, step, outcome);
    const now = performance.now();
    if (!isWhole(before) || !isWhole(model) || step.kind === 'restart weftd') this.#faultAt = now;
    this.#model = model;
    this.#count(step, outcome);
    const said = outcome.kind === 'done' ? '' : ` — ${outcome.message}`;
    this.#options.progress(`${at} ${describe(step)} (${Math.round(now - began)} ms)${said}`);
    const wrong = unexpected(step, outcome, before, now - this.#faultAt);
    if (wrong !== undefined) this.#fail(at, describe(step), [wrong]);
  }

  #count({ kind }: Step, outcome: Outcome): void {
    const count = this.#kinds.get(kind) ?? { done: 0, refused: 0 };
    count[outcome.kind] += 1;
    this.#kinds.set(kind, count);
  }

  /** Everything is mended and has to be as the model says. */
  async #quiet(at: number): Promise<void> {
    const began = performance.now();
    await this.#actions.heal(this.#model);
    if (!isWhole(this.#model)) this.#faultAt = performance.now();
    this.#model = { ...this.#empty(), ...this.#intent() };
    const unsettled = await this.#settle();
    if (unsettled.length > 0) return this.#fresh(at, unsettled);
    const lasting = await this.#lasting(at);
    if (lasting.length > 0) return this.#fresh(at, lasting);
    this.#settleMs.push(performance.now() - began);
    this.#options.progress(`${at} quiet: all holds after ${Math.round(performance.now() - began)} ms`);
  }

  /** Looks until nothing is wrong; what still is when the time is over. */
  async #settle(): Promise<readonly string[]> {
    const deadline = performance.now() + SETTLE_MS;
    for (;;) {
      const wrong = await this.#look().catch((error: unknown) => [`cannot look: ${error}`]);
      if (wrong.length === 0 || performance.now() > deadline) return wrong;
      await delay(250);
    }
  }

  #intent(): Pick<Model, 'networks' | 'containers' | 'made'> {
    const { networks, containers, made } = this.#model;
    return { networks, containers, made };
  }

  async #look(): Promise<readonly string[]> {
    const [store, ...hosts] = await Promise.all([
      viewStore(this.#scene.cluster.etcd),
      ...this.#scene.nodes.map(viewHost),
    ]);
    const view: ClusterView = { store, hosts };
    return violations(this.#model, view);
  }

  /** What is looked at once all is settled: that packets pass, and that nothing needs repair or advice. */
  async #lasting(at: number): Promise<readonly string[]> {
    const repaired = await this.#repairs();
    const unreached = await reachViolations(this.#scene, this.#model, new Random(this.#options.seed, -at));
    const since = await this.#repairs();
    const findings = await this.#findings();
    return [
      ...unreached,
      ...since.filter((line) => !repaired.includes(line)),
      ...[...findings].flatMap(([name, lines]) =>
        lines
          .filter((line) => this.#healthy.get(name)?.includes(line) !== true)
          .map((line) => `${name}: ${line}`),
      ),
      ...(await this.#look()),
    ];
  }

  async #repairs(): Promise<readonly string[]> {
    const reports = await Promise.all(
      this.#scene.nodes.map(async (node) => ({ node, report: await askDrift(node) })),
    );
    return reports.flatMap(({ node, report }) =>
      report.repairs.map(
        ({ time, key, cause, action }) => `${node.name}: drift: ${key} was ${cause} and ${action} at ${time}`,
      ),
    );
  }

  async #findings(): Promise<ReadonlyMap<string, readonly string[]>> {
    const found = await Promise.all(
      this.#scene.nodes.map(async (node) => [node.name, await askDoctor(node)] as const),
    );
    return new Map(
      found.map(([name, findings]) => [
        name,
        findings
          .filter(({ level }) => level === 'warn' || level === 'fail')
          .map(({ id, level, title }) => `doctor: ${level}: ${id}: ${title}`),
      ]),
    );
  }

  /** Notes what is wrong, and begins again with nothing, so that what follows is found, too. */
  async #fresh(at: number, lines: readonly string[]): Promise<void> {
    this.#fail(at, 'quiet point', lines);
    await this.#scene.clear();
    this.#actions.forget();
    this.#model = { ...this.#empty(), made: this.#model.made };
  }

  /** With nothing left of the walk, nothing of it is left on the hosts. */
  async #end(at: number): Promise<void> {
    await this.#scene.clear();
    this.#actions.forget();
    this.#model = { ...this.#empty(), made: this.#model.made };
    const left = await this.#settle();
    if (left.length > 0) this.#fail(at, 'the end', left);
  }

  #fail(at: number, during: string, lines: readonly string[]): void {
    this.#options.progress(`${at} WRONG ${during}\n${lines.map((line) => `    ${line}`).join('\n')}`);
    const logs = this.#scene.nodes.flatMap(({ name, weftd }) =>
      weftd.logs.slice(-25).map((line) => `${name}: ${line}`),
    );
    this.#failures.push({ at, during, lines, logs });
  }
}

/** A step as one line. */
export function describe(step: Step): string {
  switch (step.kind) {
    case 'create network':
      return `create network ${step.network.name} on ${step.host}`;
    case 'remove network':
      return `remove network ${step.network} on ${step.host}`;
    case 'run':
      return `run ${step.container} on ${step.host}, ${step.network}${fixedText(step.fixed)}`;
    case 'connect':
      return `connect ${step.container} to ${step.network}${fixedText(step.fixed)}`;
    case 'disconnect':
      return `disconnect ${step.container} from ${step.network}`;
    case 'move':
      return `move ${step.container} to ${step.host}`;
    case 'start':
    case 'stop':
    case 'kill':
    case 'remove':
      return `${step.kind} ${step.container}`;
    case 'kill etcd':
    case 'start etcd':
      return `${step.kind} ${step.member + 1}`;
    default:
      return `${step.kind}: ${step.host}`;
  }
}

function fixedText(fixed: number | undefined): string {
  return fixed === undefined ? '' : ` at .${fixed}`;
}
