import type { EngineSeries } from '../../../lab/index.ts';
import { OverlayScene } from '../overlay-scene.ts';
import { doubles, unexpected } from './expectation.ts';
import { nextSteps } from './generate.ts';
import { Inspector } from './inspector.ts';
import { LabActions } from './lab-actions.ts';
import {
  advance,
  emptyModel,
  isWhole,
  type Model,
  type NetworkModel,
  type Outcome,
  type Step,
} from './model.ts';
import { Random } from './random.ts';

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
  /** Milliseconds each quiet point took until all had settled. */
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
  const inspector = await Inspector.open(scene, options.progress);
  const walker = new Walker(scene, inspector, options);
  await walker.run();
  return walker.result;
}

/** What breaks something that has mended itself by the end of the step. */
const DISTURBING: readonly string[] = ['restart weftd', 'reboot', 'delete tunnels', 'wipe entries'];

class Walker {
  readonly #scene: OverlayScene;
  readonly #inspector: Inspector;
  readonly #options: WalkOptions;
  readonly #actions: LabActions;
  readonly #kinds = new Map<string, { done: number; refused: number }>();
  readonly #settleMs: number[] = [];
  readonly #failures: Failure[] = [];
  #model: Model;
  #faultAt = Number.NEGATIVE_INFINITY;

  constructor(scene: OverlayScene, inspector: Inspector, options: WalkOptions) {
    this.#scene = scene;
    this.#inspector = inspector;
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
    for (let at = 1; at <= steps; ) {
      const group = nextSteps(this.#model, seed, at);
      await this.#do(at, group);
      const next = at + group.length;
      if (Math.floor(at / quietEvery) < Math.floor(next / quietEvery) || next > steps)
        await this.#quiet(next - 1);
      at = next;
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

  /** Does steps, at the same time if they are several, and judges what became of them. */
  async #do(at: number, steps: readonly Step[]): Promise<void> {
    const before = this.#model;
    const isAlone = steps.length === 1;
    const done = await Promise.all(
      steps.map(async (step, place) => {
        const began = performance.now();
        const outcome = await this.#actions.do(step, before, isAlone);
        const said = outcome.kind === 'done' ? '' : ` — ${outcome.message}`;
        const ms = Math.round(performance.now() - began);
        this.#options.progress(`${at + place} ${isAlone ? '' : '& '}${describe(step)} (${ms} ms)${said}`);
        return { step, outcome };
      }),
    );
    for (const { step, outcome } of done) {
      this.#count(step, outcome);
      this.#model = advance(this.#model, step, outcome);
    }
    const now = performance.now();
    const isDisturbing = steps.some(({ kind }) => DISTURBING.includes(kind));
    if (isDisturbing || !isWhole(before) || !isWhole(this.#model)) this.#faultAt = now;
    for (const [place, each] of done.entries()) {
      const meanwhile = steps.filter((step) => step !== each.step);
      const wrong = unexpected(each, meanwhile, before, this.#model, now - this.#faultAt);
      if (wrong !== undefined) this.#fail(at + place, describe(each.step), [wrong]);
    }
    const twice = doubles(this.#model);
    if (twice.length > 0) this.#fail(at, steps.map(describe).join(' & '), twice);
  }

  #count({ kind }: Step, outcome: Outcome): void {
    const count = this.#kinds.get(kind) ?? { done: 0, refused: 0 };
    count[outcome.kind] += 1;
    this.#kinds.set(kind, count);
  }

  /** Everything is mended and has to be as the model says. */
  async #quiet(at: number): Promise<void> {
    const began = performance.now();
    if (!isWhole(this.#model)) this.#faultAt = began;
    await this.#actions.heal(this.#model);
    const { networks, containers, made } = this.#model;
    this.#model = { ...this.#empty(), networks, containers, made };
    const unsettled = await this.#inspector.settle(this.#model);
    const settled = performance.now() - began;
    const wrong =
      unsettled.length > 0
        ? unsettled
        : await this.#inspector.inspect(this.#model, new Random(this.#options.seed, -at));
    if (wrong.length > 0) {
      this.#fail(at, 'quiet point', wrong);
      return this.#clear();
    }
    this.#settleMs.push(settled);
    const all = Math.round(performance.now() - began);
    this.#options.progress(`${at} quiet: settled after ${Math.round(settled)} ms, all holds (${all} ms)`);
  }

  /** Begins again with nothing. */
  async #clear(): Promise<void> {
    await this.#actions.clear();
    this.#model = { ...this.#empty(), made: this.#model.made };
  }

  /** With nothing left of the walk, nothing of it is left on the hosts. */
  async #end(at: number): Promise<void> {
    await this.#clear();
    const left = await this.#inspector.settle(this.#model);
    const wrong = left.length > 0 ? left : await this.#inspector.leaks();
    if (wrong.length > 0) this.#fail(at, 'the end', wrong);
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
      return `create network ${networkText(step.network)} on ${step.host}`;
    case 'remove network':
    case 'leave network':
    case 'rejoin network':
      return `${step.kind} ${step.network} on ${step.host}`;
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
    case 'compact etcd':
      return step.kind;
    case 'wait':
      return `wait ${step.ms} ms`;
    default:
      return `${step.kind}: ${step.host}`;
  }
}

function fixedText(fixed: number | undefined): string {
  return fixed === undefined ? '' : ` at .${fixed}`;
}

function networkText({ name, base4, prefix4, base6, multicast, internal }: NetworkModel): string {
  const traits = [
    base6 === undefined ? '' : ' dual',
    multicast ? ' multicast' : '',
    internal ? ' internal' : '',
  ];
  return `${name} ${base4}.0/${prefix4}${traits.join('')}`;
}
