/** Runs tasks of one key one after the other, in arrival order, and tasks of different keys side by side. */
export class KeyedMutex {
  readonly #tails = new Map<string, Promise<void>>();

  /**
   * Settles as `task` does. Never starves: arrival order is kept, also for what a task asks for before it first waits.
   * A task whose key nobody has begins in this turn.
   */
  async run<Result>(key: string, task: () => Promise<Result>): Promise<Result> {
    const before = this.#tails.get(key);
    const { promise: done, resolve } = Promise.withResolvers<void>();
    this.#tails.set(key, done);
    if (before !== undefined) await before;
    try {
      return await task();
    } finally {
      if (this.#tails.get(key) === done) this.#tails.delete(key);
      resolve();
    }
  }
}
