interface Call<Item> {
  readonly items: readonly Item[];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Merges the calls of one event-loop turn, and those that come while a commit runs, into one commit. When a merged
 * commit fails, each call is committed alone, in order, so that only the guilty one rejects.
 */
export class GroupCommit<Item> {
  readonly #commit: (items: readonly Item[]) => Promise<void>;
  #waiting: Call<Item>[] = [];
  #tail: Promise<void> = Promise.resolve();
  #scheduled = false;

  constructor(commit: (items: readonly Item[]) => Promise<void>) {
    this.#commit = commit;
  }

  /** Resolves when the items are committed; rejects with what their commit threw. */
  add(items: readonly Item[]): Promise<void> {
    if (items.length === 0) return Promise.resolve();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push({ items, resolve, reject });
    if (!this.#scheduled) {
      this.#scheduled = true;
      setImmediate(() => {
        this.exclusive(() => this.#flush()).catch(() => undefined);
      });
    }
    return promise;
  }

  /** Runs `task` after everything begun and before everything that is not. */
  exclusive<T>(task: () => Promise<T>): Promise<T> {
    const run = this.#tail.then(task);
    this.#tail = run.then(
      () => undefined,
      () => undefined,
    );
    return run;
  }

  /** Never rejects: every outcome goes to the calls. */
  async #flush(): Promise<void> {
    const calls = this.#waiting;
    this.#waiting = [];
    this.#scheduled = false;
    try {
      await this.#commit(calls.flatMap(({ items }) => items));
      for (const { resolve } of calls) resolve();
    } catch (error) {
      const [only] = calls;
      if (calls.length === 1 && only !== undefined) only.reject(error);
      else for (const call of calls) await this.#alone(call);
    }
  }

  async #alone({ items, resolve, reject }: Call<Item>): Promise<void> {
    try {
      await this.#commit(items);
      resolve();
    } catch (error) {
      reject(error);
    }
  }
}
