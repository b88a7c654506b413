/** Numbers from `first` to `last`, both included; empty when `last` is less. */
export interface Range {
  readonly first: bigint;
  readonly last: bigint;
}

/** The numbers that both have. */
export function intersection(a: Range, b: Range): Range {
  // Math.max and Math.min do not take bigints.
  if (a.first < b.first) return intersection({ first: b.first, last: a.last }, b);
  return a.last > b.last ? { first: a.first, last: b.last } : { first: a.first, last: a.last };
}
