import { Conflict, InvalidArgument, NotFound } from '../../core/errors.ts';
import { quote } from '../../core/ids.ts';

/** Something a person may name by id, by a prefix of its id, or by name. */
export interface Named {
  readonly id: string;
  readonly name?: string;
}

const SHOWN_CANDIDATES = 5;

/**
 * The one thing that `ref` names: by full id first, then by exact name, then by id prefix.
 * @param noun what is being looked for, for messages: `network`.
 * @throws {InvalidArgument} when `ref` is empty.
 * @throws {NotFound} when nothing matches.
 * @throws {Conflict} when a name or prefix matches several, naming up to five of them.
 */
export function matchRef<T extends Named>(things: Iterable<T>, ref: string, noun: string): T {
  if (ref === '') throw new InvalidArgument(`an empty text names no ${noun}`);
  const byName: T[] = [];
  const byPrefix: T[] = [];
  for (const thing of things) {
    if (thing.id === ref) return thing;
    if (thing.name === ref) byName.push(thing);
    else if (thing.id.startsWith(ref)) byPrefix.push(thing);
  }
  const matches = byName.length > 0 ? byName : byPrefix;
  const [only] = matches;
  if (only === undefined) throw new NotFound(`no ${noun} has the id or name ${quote(ref)}`, { [noun]: ref });
  if (matches.length === 1) return only;
  const shown = matches.slice(0, SHOWN_CANDIDATES).map((thing) => describe(thing));
  const more = matches.length > shown.length ? ` and ${matches.length - shown.length} more` : '';
  throw new Conflict(`${quote(ref)} names ${matches.length} ${noun}s: ${shown.join(', ')}${more}`, {
    [noun]: ref,
  });
}

function describe(thing: Named): string {
  return thing.name === undefined ? thing.id : `${thing.id} (${thing.name})`;
}
