interface Call<Item, Result> {
  readonly items: readonly Item[];
  readonly resolve: (result: Result | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Merges the calls of one event-loop turn, and those that come while a commit runs, into one commit. When a merged
 * commit fails, each call is committed alone, in order, so that only the guilty one rejects.
 */
export class GroupCommit<Item, Result = void> {
  readonly #commit: (items: readonly Item[]) => Promise<Result>;
  #waiting: Call<Item, Result>[] = [];
  #tail: Promise<void> = Promise.resolve();
  #scheduled = false;

  constructor(commit: (items: readonly Item[]) => Promise<Result>) {
    this.#commit = commit;
  }

  /** Resolves to what their commit gave, undefined for no items; rejects with what their commit threw. */
  add(items: readonly Item[]): Promise<Result | undefined> {
    if (items.length === 0) return Promise.resolve(undefined);
    const { promise, resolve, reject } = Promise.withResolvers<Result | undefined>();
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
      const result = await this.#commit(calls.flatMap(({ items }) => items));
      for (const { resolve } of calls) resolve(result);
    } catch (error) {
      const [only] = calls;
      if (calls.length === 1 && only !== undefined) only.reject(error);
      else for (const call of calls) await this.#alone(call);
    }
  }

  async #alone({ items, resolve, reject }: Call<Item, Result>): Promise<void> {
    try {
      resolve(await this.#commit(items));
    } catch (error) {
      reject(error);
    }
  }
}
