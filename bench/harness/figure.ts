import type { Spread } from './statistics.ts';

/** What a figure is in. */
export type Unit = 'ms' | 's' | 'us' | 'MB' | 'B' | 'Gbit/s' | '/s' | '%' | 'events' | 'fds';

/** A bound on one number of a figure; `ratio` is weft's p50 through the other's, `ratio99` the same of the p99. */
export interface Target {
  readonly of: 'ratio' | 'ratio99' | 'p50' | 'p99';
  readonly atMost?: number;
  readonly atLeast?: number;
  /** Part of the bound by which it may be missed and still count as met: what repeated runs differ by. */
  readonly noise?: number;
}

/** One line of a bench's result. */
export interface Figure {
  readonly what: string;
  readonly unit: Unit;
  readonly weft: Spread;
  /** What weft is compared with: Docker's built-in driver in the same run, unless `what` says otherwise. */
  readonly other?: Spread;
  readonly target?: Target;
}

/** A figure with its target looked at. */
export interface JudgedFigure extends Figure {
  readonly ratio?: number;
  readonly verdict?: 'pass' | 'short';
}

/** A single number as a spread. */
export function single(value: number): Spread {
  return { p50: value, p99: value, count: 1 };
}

/** Adds the ratio and whether the target is met. */
export function judge(figure: Figure): JudgedFigure {
  const { weft, other, target } = figure;
  const part = target?.of === 'ratio99' ? 'p99' : 'p50';
  const ratio = other === undefined ? undefined : weft[part] / other[part];
  const withRatio = ratio === undefined ? figure : { ...figure, ratio };
  if (target === undefined) return withRatio;
  const { atMost = Infinity, atLeast = -Infinity, noise = 0 } = target;
  const isRatio = target.of === 'ratio' || target.of === 'ratio99';
  const value = isRatio ? (ratio ?? Number.NaN) : weft[target.of];
  const isMet = value <= atMost * (1 + noise) && value >= atLeast * (1 - noise);
  return { ...withRatio, verdict: isMet ? 'pass' : 'short' };
}
