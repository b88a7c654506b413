import type { EngineSeries } from '../../test/lab/index.ts';
import type { Figure } from './figure.ts';

/** What a run was asked for. */
export interface BenchOptions {
  readonly engine: EngineSeries;
  /** Measurements a variant; absent: the bench's own number. */
  readonly rounds?: number;
  /** Fewer measurements and smaller counts: to see that it works, not for figures to quote. */
  readonly quick: boolean;
  /** Told what is going on. */
  readonly progress: (text: string) => void;
}

/** One thing that can be measured. */
export interface Bench {
  readonly name: string;
  /** One line for the heading of its table. */
  readonly title: string;
  /** What weft is compared with; `built-in` if absent. */
  readonly other?: string;
  /** What a kernel must have for it that many lack; run it by scripts/vm. */
  readonly needsKernel?: string;
  /** Sets up, measures and clears away. */
  run(options: BenchOptions): Promise<readonly Figure[]>;
}

/** The number of rounds: what was asked for, or one of two defaults. */
export function roundsOf(options: BenchOptions, usual: number, quick: number): number {
  return options.rounds ?? (options.quick ? quick : usual);
}
