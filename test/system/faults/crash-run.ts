import { readFile, rm } from 'node:fs/promises';
import { poll } from '../../support/poll.ts';
import {
  type EngineCall,
  engineLife,
  type Life,
  type LifeKind,
  PUBLISHED,
  plumb,
  unplumb,
} from './engine-calls.ts';
import type { FaultLab } from './fault-lab.ts';
import { STORED } from './fault-points.ts';
import { hostView } from './host-view.ts';

/** The network that is made and unmade at every point. */
const NUMBER = 20;

const WAYS = ['forward', 'backward'] as const;

/** One death of weftd: inside which call, at which of its points, and what the engine does then. */
export interface Crash {
  readonly call: string;
  readonly point: number;
  readonly name: string;
  /** `forward`: the same call again, in full. `backward`: what the engine does about an error. */
  readonly way: (typeof WAYS)[number];
}

/** Runs the life of a network and a container with deaths of weftd in it, and says what is not as it should be. */
export class CrashRun {
  readonly #lab: FaultLab;
  readonly #life: Life;
  /** What there is before the first call, and after each. */
  readonly #before: readonly string[];
  readonly #after = new Map<string, readonly string[]>();
  readonly points = new Map<string, readonly string[]>();

  private constructor(lab: FaultLab, life: Life, before: readonly string[]) {
    this.#lab = lab;
    this.#life = life;
    this.#before = before;
  }

  /** Runs the life once without a death: counts the points of each call and keeps what there is after it. */
  static async open(lab: FaultLab, kind?: LifeKind): Promise<CrashRun> {
    const run = new CrashRun(lab, engineLife(NUMBER, lab.sandbox, kind), await hostView(lab.host));
    const { host } = lab;
    for (const call of run.#life.calls) {
      await rm(host.pointsFile, { force: true });
      await host.arm(0);
      await run.#do(call);
      await run.#settled();
      await host.disarm();
      const names = await readFile(host.pointsFile, 'utf8').catch(() => '');
      run.points.set(call.name, names.split('\n').filter(Boolean));
      run.#after.set(call.name, await hostView(host));
    }
    return run;
  }

  /**
   * A death at every point. The next weftd makes the kernel what the store says before it answers anybody, so what the
   * engine does then meets as many situations as there were commits: each is met in both ways, and other points go one
   * way by turns. WEFT_CRASH_WAYS=both goes both ways everywhere.
   */
  crashes(): readonly Crash[] {
    return [...this.points].flatMap(([call, names]) =>
      names.flatMap((name, i) => {
        const isNew = i === 0 || name.startsWith(STORED);
        const ways =
          isNew || process.env['WEFT_CRASH_WAYS'] === 'both' ? WAYS : WAYS.slice(i % 2, (i % 2) + 1);
        return ways.map((way) => ({ call, point: i + 1, name, way }));
      }),
    );
  }

  /** Whether a run without a death left what it found. @returns what differs. */
  leftovers(): readonly string[] {
    return differences(this.#before, this.#after.get('DeleteNetwork') ?? []);
  }

  /** Dies once and goes on. @returns what is wrong. */
  async crash({ call: name, point, way }: Crash): Promise<readonly string[]> {
    const { calls } = this.#life;
    const at = calls.findIndex((each) => each.name === name);
    const call = calls[at];
    if (call === undefined) throw new Error(`there is no call ${name}`);
    for (const earlier of calls.slice(0, at)) await this.#do(earlier);
    const isAnswered = await this.#die(call, point);
    await this.#lab.host.startWeftd();
    const wrong = [];
    if (!isAnswered) {
      const { status } = await this.#lab.host.call(call.method, undefined, this.#life.driver);
      if (status === 200) wrong.push('the empty repetition is answered with success');
    }
    if (isAnswered) this.#plumbing(call);
    else if (way === 'backward') return [...wrong, ...(await this.#goBack(call, at))];
    else if (!(await this.#repeat(call))) return [...wrong, ...(await this.#goBack(call, at))];
    wrong.push(...(await this.#expect(`after ${name}`, this.#after.get(name) ?? [])));
    wrong.push(...(await this.#expectPorts(this.#publishes(name) ? 'busy' : 'free')));
    for (const later of calls.slice(at + 1)) await this.#do(later);
    return [...wrong, ...(await this.#expect('at the end', this.#before))];
  }

  /** @returns whether the call was answered before the death. */
  async #die(call: EngineCall, point: number): Promise<boolean> {
    const { host } = this.#lab;
    await host.arm(point);
    const isAnswered = await host.call(call.method, call.argument, this.#life.driver).then(
      ({ status }) => status === 200,
      () => false,
    );
    await poll(() => !host.weftdRuns, 10_000);
    await host.weftdEnded();
    await host.disarm();
    return isAnswered;
  }

  /**
   * The call again, in full. What IPAM gave and nobody heard of stays held until the collector comes, so a second
   * request gets another address, or is refused where it names the subnet.
   * @returns false when that was the case.
   */
  async #repeat(call: EngineCall): Promise<boolean> {
    const { status, text } = await this.#lab.host.call(call.method, call.argument, this.#life.driver);
    if (call.method.startsWith('IpamDriver.Request')) {
      const held = await hostView(this.#lab.host);
      return status === 200 && differences(this.#after.get(call.name) ?? [], held).length === 0;
    }
    if (status !== 200) throw new Error(`${call.name} again: ${status} ${text}`);
    this.#plumbing(call);
    return true;
  }

  /** What the engine does about a failure, then the collector, then the removal of the network: nothing stays. */
  async #goBack(call: EngineCall, at: number): Promise<readonly string[]> {
    const { host, sandbox } = this.#lab;
    const { calls } = this.#life;
    const named = (name: string) => calls.find((each) => each.name === name);
    if (call.link === 'unplumb') unplumb(host, sandbox, this.#life);
    const network = calls.slice(-5).map(({ name }) => name);
    const rest = at < 5 || at >= calls.length - 5 ? [] : network;
    for (const name of [...call.onFailure, ...call.collected, ...rest]) {
      const next = named(name);
      if (next !== undefined) await this.#do(next);
    }
    // A second address or gateway that `#repeat` was given.
    for (const name of network) {
      const next = named(name);
      if (next !== undefined) await this.#do(next);
    }
    return [
      ...(await this.#expect('when all is deleted', this.#before)),
      ...(await this.#expectPorts('free')),
    ];
  }

  async #do(call: EngineCall): Promise<void> {
    await this.#lab.host.done(call.method, call.argument, this.#life.driver);
    this.#plumbing(call);
  }

  #plumbing({ link }: EngineCall): void {
    const { host, sandbox } = this.#lab;
    if (link === 'plumb') plumb(host, sandbox, this.#life, NUMBER);
    if (link === 'unplumb') unplumb(host, sandbox, this.#life);
  }

  /** Links go after the answer: waits until two looks at the host show the same. */
  async #settled(): Promise<void> {
    let last = '';
    await poll(async () => {
      const now = (await hostView(this.#lab.host)).join('\n');
      const isSame = now === last;
      last = now;
      return isSame;
    });
  }

  async #expect(when: string, wanted: readonly string[]): Promise<readonly string[]> {
    let wrong: readonly string[] = [];
    try {
      await poll(async () => {
        wrong = differences(wanted, await hostView(this.#lab.host));
        return wrong.length === 0;
      }, 10_000);
    } catch {
      return wrong.map((each) => `${when}: ${each}`);
    }
    return this.#sandboxIsEmpty(when, wanted);
  }

  #sandboxIsEmpty(when: string, wanted: readonly string[]): readonly string[] {
    const links = this.#lab.sandbox.run('ls /sys/class/net >/dev/null; ip -o link').trim().split('\n').length;
    const isJoined = wanted.some(
      (each) =>
        each.startsWith('endpoint') && each.includes(this.#life.endpointId) && each.includes('"sandbox"'),
    );
    return links > (isJoined ? 2 : 1) ? [`${when}: the sandbox holds ${links} links`] : [];
  }

  /** Ports mean nothing on a LAN. */
  #publishes(call: string): boolean {
    return call === 'ProgramExternalConnectivity' && this.#life.driver === 'weft-bridge';
  }

  async #expectPorts(state: 'free' | 'busy'): Promise<readonly string[]> {
    const found = await this.#lab.probe(PUBLISHED);
    return PUBLISHED.filter((_, i) => found[i] !== state).map((binding) => `${binding} is not ${state}`);
  }
}

/** `- ` what is missing, `+ ` what is too much. */
function differences(wanted: readonly string[], found: readonly string[]): readonly string[] {
  const before = new Set(wanted);
  const now = new Set(found);
  return [
    ...wanted.filter((each) => !now.has(each)).map((each) => `- ${each}`),
    ...found.filter((each) => !before.has(each)).map((each) => `+ ${each}`),
  ];
}
