/** A process that lived this long was no failed start. */
const GOOD_LIFE_MS = 10_000;
const FIRST_MS = 50;
const LONGEST_MS = 5000;

/** How long to wait before a process is started again: not at all after a good life, longer with each short one. */
export class RestartDelay {
  #shortLives = 0;

  /** @param livedMs how long the process lived that has just ended. */
  next(livedMs: number): number {
    if (livedMs >= GOOD_LIFE_MS) this.#shortLives = 0;
    const delay = this.#shortLives === 0 ? 0 : Math.min(LONGEST_MS, FIRST_MS * 2 ** (this.#shortLives - 1));
    this.#shortLives += 1;
    return delay;
  }
}
