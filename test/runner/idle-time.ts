import { cpus } from 'node:os';

/** How much of the processors nobody uses. */
export class IdleTime {
  #last = read();

  /** @returns the share since the last call, from 0 to 1. */
  share(): number {
    const [before, now] = [this.#last, read()];
    this.#last = now;
    return (now.idle - before.idle) / Math.max(1, now.all - before.all);
  }
}

function read(): { readonly idle: number; readonly all: number } {
  const times = cpus().map((cpu) => cpu.times);
  const all = times.flatMap((each) => Object.values(each)).reduce((sum, ms) => sum + ms, 0);
  return { idle: times.reduce((sum, { idle }) => sum + idle, 0), all };
}
