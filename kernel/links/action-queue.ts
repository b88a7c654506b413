import type { Step } from '../../core/ports.ts';
import type { NetlinkTransport } from '../netlink/index.ts';
import type { Action, Outcome } from './action.ts';

/** Actions sent together. So many are encoded and judged in about a millisecond, in which nothing else runs. */
const CHUNK = 192;

/**
 * Sends actions in order, many at a time: while the kernel handles some, the next ones are made. Takes note of those
 * that changed something.
 */
export class ActionQueue {
  readonly #transport: NetlinkTransport;
  readonly #done: Step[];
  readonly #again: (action: Action, outcomes: readonly Outcome[]) => Promise<readonly Outcome[]>;
  readonly #room: () => Promise<void>;
  #waiting: Action[] = [];
  /** What is under way; gives the first failure. */
  #sent: Promise<Error | undefined> = Promise.resolve(undefined);

  /**
   * @param done receives the steps that changed something, in order.
   * @param again repeats an action where its answers call for it.
   * @param room resolves when more may be sent.
   */
  constructor(
    transport: NetlinkTransport,
    done: Step[],
    again: (action: Action, outcomes: readonly Outcome[]) => Promise<readonly Outcome[]>,
    room: () => Promise<void>,
  ) {
    this.#transport = transport;
    this.#done = done;
    this.#again = again;
    this.#room = room;
  }

  /**
   * Takes an action; what it returns, if anything, resolves when more may be added.
   * @throws {KernelError} when an earlier action failed.
   */
  add(action: Action): Promise<void> | undefined {
    return this.#waiting.push(action) < CHUNK ? undefined : this.#sendChunk();
  }

  /** Resolves when everything has been done. @throws {KernelError} when an action failed. */
  async flush(): Promise<void> {
    throwIf((await this.#send()) ?? (await this.#sent));
  }

  /** Resolves when nothing is under way; what was not sent yet never will be. Never rejects. */
  async stop(): Promise<void> {
    this.#waiting = [];
    await this.#sent.catch(() => undefined);
  }

  async #sendChunk(): Promise<void> {
    throwIf(await this.#send());
    await this.#room();
  }

  /** Sends what waits, and resolves when what was sent before it is done. */
  #send(): Promise<Error | undefined> {
    const before = this.#sent;
    if (this.#waiting.length > 0) this.#sent = this.#run(this.#waiting, before);
    this.#waiting = [];
    return before;
  }

  async #run(actions: readonly Action[], before: Promise<Error | undefined>): Promise<Error | undefined> {
    const outcomes = await this.#outcomes(actions);
    let failed = await before;
    let at = 0;
    for (const action of actions) {
      if (outcomes[at] === DONE && action.silent === true) {
        this.#done.push(action.step);
        at++;
        continue;
      }
      const own = outcomes.slice(at, at + action.requests.length);
      at += action.requests.length;
      const verdict = await action.judge(await this.#again(action, own));
      if (verdict.changed) this.#done.push(action.step);
      failed ??= verdict.failure;
    }
    return failed;
  }

  /** An answer for each request of the actions. Those that have none but a refusal need not be answered one by one. */
  async #outcomes(actions: readonly Action[]): Promise<readonly Outcome[]> {
    const requests = actions.flatMap((action) => action.requests);
    if (!actions.every(({ silent }) => silent === true)) return this.#transport.requestAll(requests);
    return (await this.#transport.group(requests)).map(asOutcome);
  }
}

const DONE: Outcome = { status: 'fulfilled', value: [] };

function asOutcome(refusal: Error | undefined): Outcome {
  return refusal === undefined ? DONE : { status: 'rejected', reason: refusal };
}

function throwIf(error: Error | undefined): void {
  if (error !== undefined) throw error;
}
