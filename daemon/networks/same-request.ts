import { isDeepStrictEqual } from 'node:util';
import { AlreadyExists } from '../../core/errors.ts';

/**
 * Repeats of a create call are answered as the first was, if they say the same (protocol rule 7).
 * @throws {AlreadyExists} naming the first field that differs and both values.
 */
export function assertSameRequest(subject: string, stored: object, repeated: object): void {
  const before = new Map<string, unknown>(Object.entries(stored));
  const now = new Map<string, unknown>(Object.entries(repeated));
  for (const field of new Set([...before.keys(), ...now.keys()])) {
    if (!isDeepStrictEqual(normal(before.get(field)), normal(now.get(field)))) {
      throw new AlreadyExists(
        `${subject} exists already with other content: ${field} is ${shown(before.get(field))}, asked for ${shown(now.get(field))}`,
        { field },
      );
    }
  }
}

/** What JSON makes of a value: absent and undefined are the same, prototypes do not count. */
function normal(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}

function shown(value: unknown): string {
  return value === undefined ? 'absent' : JSON.stringify(value);
}
