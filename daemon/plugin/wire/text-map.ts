import { InvalidArgument } from '../../../core/errors.ts';
import { quote } from '../../../core/ids.ts';
import { isRecord, keyOf } from './struct.ts';

/** Longer than any key of Docker's or weft's. */
const MAX_KEY_BYTES = 256;

/** How a key whose value is not text is treated: `refuse` names it in an error, `skip` leaves it out. */
export type NotText = (key: string) => 'refuse' | 'skip';

const REFUSE: NotText = () => 'refuse';

/**
 * A map of option names to text. Absent and null give an empty map; a null value is an absent key.
 * @param field the map's name in messages.
 * @throws {InvalidArgument} naming the key when a value is not text or holds a NUL, or a key is empty, longer than 256
 *   bytes, holds control characters or is `__proto__`.
 */
export function decodeTextMap(
  value: unknown,
  field: string,
  notText: NotText = REFUSE,
): Readonly<Record<string, string>> {
  if (value === undefined || value === null) return {};
  if (!isRecord(value)) {
    throw new InvalidArgument(`${field} ${quote(value)} must be an object with text values`, { field });
  }
  const entries: [string, string][] = [];
  for (const [key, item] of Object.entries(value)) {
    checkKey(key, field);
    if (item === null) continue;
    if (typeof item === 'string') entries.push([key, checkText(item, keyOf(field, key))]);
    else if (notText(key) === 'refuse') {
      throw new InvalidArgument(`${keyOf(field, key)} ${quote(item)} must be text`, { field: key });
    }
  }
  return Object.fromEntries(entries);
}

/**
 * Text without NUL, which no kernel interface can carry.
 * @throws {InvalidArgument} naming `field`.
 */
function checkText(text: string, field: string): string {
  if (text.includes('\0')) {
    throw new InvalidArgument(`${field} ${quote(text)} must not hold a NUL character`, { field });
  }
  return text;
}

function checkKey(key: string, field: string): void {
  const wrong =
    key === '' ||
    key === '__proto__' ||
    Buffer.byteLength(key) > MAX_KEY_BYTES ||
    [...key].some((char) => char < ' ' || char === '\x7f');
  if (wrong) {
    throw new InvalidArgument(
      `${field} has the key ${quote(key)}: a key is 1–${MAX_KEY_BYTES} bytes without control characters, and not "__proto__"`,
      { field },
    );
  }
}
