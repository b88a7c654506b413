/**
 * Turns of the answers to one name. Each kind of question has its own, since clients ask for A and AAAA in pairs. A
 * kind is remembered only where there is something to rotate, so that askers cannot make it grow.
 */
export class Rotation {
  readonly #turns = new Map<string, number>();

  /** The values, beginning one further than at the last call for this kind of question. */
  next<T>(kind: string, values: readonly T[]): readonly T[] {
    if (values.length < 2) return values;
    const turn = (this.#turns.get(kind) ?? 0) % values.length;
    this.#turns.set(kind, turn + 1);
    return turn === 0 ? values : [...values.slice(turn), ...values.slice(0, turn)];
  }
}
