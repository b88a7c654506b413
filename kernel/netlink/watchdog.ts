/** A reply is in the receive buffer when its send returns, so one that is missing this much later was lost. */
const LOST_AFTER_MS = 5000;

/** Notices when nothing at all arrives for what was sent; only a receive overrun can cause that. */
export class Watchdog {
  readonly #lost: () => void;
  #timer: NodeJS.Timeout | undefined;
  #heard = 0;

  /** @param lost is called in a turn of its own. */
  constructor(lost: () => void) {
    this.#lost = lost;
  }

  /** Something has arrived. */
  heard(): void {
    this.#heard++;
  }

  /** Waits from now on, unless it does already, for as long as things arrive. */
  watch(): void {
    if (this.#timer !== undefined) return;
    const heard = this.#heard;
    const timer = setTimeout(() => {
      // Timers run before sockets are read, so a loop that was blocked gets one more turn to read.
      setImmediate(() => {
        if (this.#timer !== timer) return;
        this.#timer = undefined;
        if (heard === this.#heard) this.#lost();
        else this.watch();
      });
    }, LOST_AFTER_MS);
    this.#timer = timer.unref();
  }

  /** Nothing is waited for any more, or nothing can be lost for now. */
  unwatch(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
