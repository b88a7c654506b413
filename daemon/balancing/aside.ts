/** Work that goes on elsewhere, so much at a time. */
export class Aside {
  readonly #most: number;
  readonly #underWay = new Set<Promise<void>>();

  constructor(most: number) {
    this.#most = most;
  }

  get hasRoom(): boolean {
    return this.#underWay.size < this.#most;
  }

  /** @param work must not reject. */
  add(work: Promise<void>): void {
    this.#underWay.add(work);
    void work.then(() => this.#underWay.delete(work));
  }

  /** Resolves when nothing is under way. */
  async ended(): Promise<void> {
    await Promise.all(this.#underWay);
  }
}
