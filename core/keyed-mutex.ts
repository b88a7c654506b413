/** Runs tasks of one key one after the other, in arrival order, and tasks of different keys side by side. */
export class KeyedMutex {
  readonly #tails = new Map<string, Promise<unknown>>();

  /** Settles as `task` does. Never starves: arrival order is kept. */
  async run<Result>(key: string, task: () => Promise<Result>): Promise<Result> {
    const before = this.#tails.get(key);
    // A task's failure is its caller's; the next one runs all the same.
    const result = before === undefined ? task() : before.then(task, task);
    this.#tails.set(key, result);
    try {
      return await result;
    } finally {
      if (this.#tails.get(key) === result) this.#tails.delete(key);
    }
  }
}
