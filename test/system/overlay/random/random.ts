import { createHash } from 'node:crypto';

/** Numbers that depend on a seed and on nothing else: mulberry32 over a hash of what it is made from. */
export class Random {
  #state: number;

  /** Each step has a stream of its own, so that a step that went otherwise leaves those after it as they were. */
  constructor(seed: number, step: number) {
    this.#state = createHash('sha256').update(`${seed}/${step}`).digest().readUInt32LE(0);
  }

  /** From 0 up to, and without, 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  }

  /** A whole number from 0 up to, and without, `below`. */
  below(below: number): number {
    return Math.floor(this.next() * below);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** One of them; undefined when there is none. */
  pick<T>(from: readonly T[]): T | undefined {
    return from[this.below(from.length)];
  }

  /** Up to `count` of them, in a new order. */
  sample<T>(from: readonly T[], count: number): readonly T[] {
    const left = [...from];
    const taken: T[] = [];
    while (taken.length < count && left.length > 0) taken.push(...left.splice(this.below(left.length), 1));
    return taken;
  }
}
