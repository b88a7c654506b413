/** Runs tasks in the order in which they come, so many at a time. */
export class Lanes {
  readonly #waiting: (() => Promise<void>)[] = [];
  #free: number;

  constructor(width: number) {
    this.#free = width;
  }

  /** @param task must not reject. */
  run(task: () => Promise<void>): void {
    this.#waiting.push(task);
    if (this.#free > 0) void this.#work();
  }

  async #work(): Promise<void> {
    this.#free--;
    for (let task = this.#waiting.shift(); task !== undefined; task = this.#waiting.shift()) await task();
    this.#free++;
  }
}
