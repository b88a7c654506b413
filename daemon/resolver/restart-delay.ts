/** A process that lived this long was no failed start. */
const GOOD_LIFE_MS = 10_000;
const FIRST_MS = 50;
const LONGEST_MS = 5000;

/** How long to wait before a process is started again: not at all at first, longer with each further short life. */
export class RestartDelay {
  #shortLives = 0;

  /** @param livedMs how long the process lived that has just ended. */
  next(livedMs: number): number {
    this.#shortLives = livedMs >= GOOD_LIFE_MS ? 0 : this.#shortLives + 1;
    if (this.#shortLives < 2) return 0;
    return Math.min(LONGEST_MS, FIRST_MS * 2 ** (this.#shortLives - 2));
  }
}
