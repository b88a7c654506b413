/** Time that passes when told. Between two timers everything that can happen without time happens. */
export class VirtualClock {
  #now = 1_000_000;
  #count = 0;
  readonly #timers = new Map<number, { readonly at: number; readonly run: () => void }>();

  now(): number {
    return this.#now;
  }

  after(ms: number, run: () => void): Disposable {
    const id = this.#count++;
    this.#timers.set(id, { at: this.#now + Math.max(0, ms), run });
    return { [Symbol.dispose]: () => void this.#timers.delete(id) };
  }

  /** Lets so many milliseconds pass, timer by timer. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      await quiet();
      const [due] = [...this.#timers].sort(([a, x], [b, y]) => x.at - y.at || a - b);
      if (due === undefined || due[1].at > end) break;
      this.#timers.delete(due[0]);
      this.#now = Math.max(this.#now, due[1].at);
      due[1].run();
    }
    this.#now = end;
    await quiet();
  }

  /** Lets time pass until a promise settles. */
  async until<Result>(work: Promise<Result>): Promise<Result> {
    let settled = false;
    const done = () => {
      settled = true;
    };
    work.then(done, done);
    for (let round = 0; !settled && round < 100_000; round++) {
      await quiet();
      if (!settled) await this.advance(1);
    }
    if (!settled) throw new Error('nothing happened for 100 s');
    return work;
  }
}

/** All microtasks have run. */
function quiet(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
