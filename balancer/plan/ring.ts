/**
 * Sizes a ring can have. The table has one chain for each, because nf_tables takes the modulus of a choice as a
 * constant; up to 16 backends of equal weight need one slot each.
 */
export const RING_SIZES: readonly number[] = [
  1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 20, 24, 32, 48, 64, 128, 256, 512, 1024,
];
const LARGEST = 1024;

/** How far a backend's share of the slots may be from its share of the weights, of the latter. */
const TOLERANCE = 0.04;

/**
 * Who takes which turn, as positions in `weights`: the smallest ring whose shares are within 4 % of the weights', or
 * the largest ring, with each one's turns spread evenly over it. Of more than 1024 the first 1024 take part.
 * @param weights each over 0.
 * @returns as many as one of RING_SIZES; empty for no weights.
 */
export function ringOf(weights: readonly number[]): readonly number[] {
  const taking = weights.slice(0, LARGEST);
  if (taking.length === 0) return [];
  const total = taking.reduce((sum, weight) => sum + weight, 0);
  for (const size of RING_SIZES) {
    if (size < taking.length) continue;
    const slots = apportion(taking, total, size);
    if (size === LARGEST || slots.every((count, i) => fair(count, taking[i] ?? 0, size / total))) {
      return interleave(slots);
    }
  }
  return [];
}

function fair(slots: number, weight: number, perWeight: number): boolean {
  return Math.abs(slots / (weight * perWeight) - 1) <= TOLERANCE;
}

/** Slots by weight: one each, and the rest by the largest remainder. */
function apportion(weights: readonly number[], total: number, size: number): readonly number[] {
  const exact = weights.map((weight) => (weight * size) / total);
  const slots = exact.map((share) => Math.max(1, Math.floor(share)));
  let left = size - slots.reduce((sum, count) => sum + count, 0);
  const need = (i: number) => (exact[i] ?? 0) - (slots[i] ?? 0);
  const order = [...slots.keys()].sort((a, b) => need(b) - need(a) || a - b);
  for (let turn = 0; left > 0; turn++, left--) add(slots, order[turn % order.length] ?? 0, 1);
  // Those lifted to one slot have taken more than there was: from whom it is the least.
  for (; left < 0; left++) add(slots, slots.indexOf(Math.max(...slots)), -1);
  return slots;
}

function add(slots: number[], at: number, count: number): void {
  slots[at] = (slots[at] ?? 0) + count;
}

/** The turn k of s stands at (k + ½) / s of the ring. */
function interleave(slots: readonly number[]): readonly number[] {
  return slots
    .flatMap((count, who) => Array.from({ length: count }, (_, turn) => ({ who, at: (turn + 0.5) / count })))
    .sort((a, b) => a.at - b.at || a.who - b.who)
    .map(({ who }) => who);
}
