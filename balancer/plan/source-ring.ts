/** Slots of a ring that a hash of the client's address points into. */
export const SOURCE_RING_SIZE = 256;

/** FNV-1a, 32 bits. */
const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/**
 * Who answers for which slot, as positions in `backends`: weighted rendezvous hashing, so that one backend less moves
 * its own slots only, and one more takes its share from all others. The same on every host.
 * @param backends `name` is the same for the same backend wherever it is planned; weights each over 0.
 * @returns SOURCE_RING_SIZE positions; empty for no backends.
 */
export function sourceRingOf(
  backends: readonly { readonly name: string; readonly weight: number }[],
): readonly number[] {
  if (backends.length === 0) return [];
  return Array.from({ length: SOURCE_RING_SIZE }, (_, slot) => winner(backends, slot));
}

function winner(
  backends: readonly { readonly name: string; readonly weight: number }[],
  slot: number,
): number {
  let best = 0;
  let least = Number.POSITIVE_INFINITY;
  backends.forEach(({ name, weight }, position) => {
    const score = -Math.log(fraction(`${slot} ${name}`)) / weight;
    if (score < least) {
      least = score;
      best = position;
    }
  });
  return best;
}

/** A number over 0 and under 1 that only the text decides. */
function fraction(text: string): number {
  let hash = FNV_OFFSET;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), FNV_PRIME);
  // FNV's high bits hardly differ for texts of one length: murmur3's finalizer spreads them.
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (((hash ^ (hash >>> 16)) >>> 0) + 0.5) / 2 ** 32;
}
