import { setTimeout as delay } from 'node:timers/promises';

/**
 * Time between two measurements: both dockerd and weftd still clear away when they have answered, and that belongs to
 * the one measured before.
 */
const SETTLE_MS = 80;

/** One way of doing a thing; each call does it once, or a few times, and gives the measured numbers by name. */
export type Variant<Name extends string> = (
  round: number,
) => Promise<Readonly<Record<Name, number | readonly number[]>>>;

/** The measurements of one variant: those of a name in the order of the rounds. */
export type Series<Name extends string> = Readonly<Record<Name, readonly number[]>>;

/**
 * Measures several ways of doing a thing in turns. The order changes from round to round (rotated, and every second
 * one backwards), so that neither what came before nor a machine that grows slower favours one of them.
 * @param warmUp rounds done first and not counted.
 */
export async function interleave<Key extends string, Name extends string>(
  variants: Readonly<Record<Key, Variant<Name>>>,
  rounds: number,
  warmUp: number,
): Promise<Readonly<Record<Key, Series<Name>>>> {
  const keys = Object.keys(variants) as Key[];
  const series = new Map<Key, Map<string, number[]>>(keys.map((key) => [key, new Map()]));
  for (let round = -warmUp; round < rounds; round++) {
    for (const key of orderOf(keys, round + warmUp)) {
      const measured = await variants[key](round);
      await delay(SETTLE_MS);
      if (round < 0) continue;
      const own = series.get(key) ?? new Map<string, number[]>();
      for (const [name, value] of Object.entries<number | readonly number[]>(measured)) {
        own.set(name, [...(own.get(name) ?? []), ...[value].flat()]);
      }
    }
  }
  return Object.fromEntries(
    [...series].map(([key, own]) => [key, Object.fromEntries(own)]),
  ) as unknown as Readonly<Record<Key, Series<Name>>>;
}

function orderOf<Key>(keys: readonly Key[], turn: number): readonly Key[] {
  const by = Math.floor(turn / 2) % keys.length;
  const rotated = [...keys.slice(by), ...keys.slice(0, by)];
  return turn % 2 === 0 ? rotated : rotated.toReversed();
}
