/**
 * A set of numbers kept as sorted runs, so that the next number not in it is found in O(log runs) however many are
 * in it. Adding and deleting move at most the array of runs.
 */
export class IntervalSet {
  readonly #firsts: bigint[] = [];
  readonly #lasts: bigint[] = [];

  has(value: bigint): boolean {
    return value <= (this.#lasts[this.#runAt(value)] ?? -1n);
  }

  /** Adding what is there changes nothing. */
  add(value: bigint): void {
    const run = this.#runAt(value);
    const last = this.#lasts[run];
    if (last !== undefined && value <= last) return;
    const joinsLeft = last === value - 1n;
    const joinsRight = this.#firsts[run + 1] === value + 1n;
    if (joinsLeft && joinsRight) {
      this.#firsts.splice(run + 1, 1);
      this.#lasts.splice(run, 1);
    } else if (joinsLeft) {
      this.#lasts[run] = value;
    } else if (joinsRight) {
      this.#firsts[run + 1] = value;
    } else {
      this.#firsts.splice(run + 1, 0, value);
      this.#lasts.splice(run + 1, 0, value);
    }
  }

  /** Deleting what is not there changes nothing. */
  delete(value: bigint): void {
    const run = this.#runAt(value);
    const first = this.#firsts[run];
    const last = this.#lasts[run];
    if (first === undefined || last === undefined || value > last) return;
    if (first === last) {
      this.#firsts.splice(run, 1);
      this.#lasts.splice(run, 1);
    } else if (value === first) {
      this.#firsts[run] = value + 1n;
    } else if (value === last) {
      this.#lasts[run] = value - 1n;
    } else {
      this.#firsts.splice(run + 1, 0, value + 1n);
      this.#lasts.splice(run, 0, value - 1n);
    }
  }

  /** The least number from `from` to `to` (both included) that is not in the set. */
  firstGap(from: bigint, to: bigint): bigint | undefined {
    const last = this.#lasts[this.#runAt(from)];
    const gap = last !== undefined && last >= from ? last + 1n : from;
    return gap <= to ? gap : undefined;
  }

  /** How many numbers from `from` to `to` (both included) are in the set. */
  countIn(from: bigint, to: bigint): bigint {
    let count = 0n;
    for (let run = Math.max(0, this.#runAt(from)); run < this.#firsts.length; run++) {
      const first = this.#firsts[run] ?? to + 1n;
      const last = this.#lasts[run] ?? from - 1n;
      if (first > to) break;
      const low = first < from ? from : first;
      const high = last > to ? to : last;
      if (low <= high) count += high - low + 1n;
    }
    return count;
  }

  /** Index of the last run that begins at or before `value`; -1 when there is none. */
  #runAt(value: bigint): number {
    let low = 0;
    let high = this.#firsts.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#firsts[middle] ?? value) <= value) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}
