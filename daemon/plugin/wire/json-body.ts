import { DecodeError } from '../../../core/errors.ts';
import { findSyntaxError } from './json-syntax.ts';

/** Nesting that no engine reaches (a CreateNetwork has 4 levels) and every recursive reader survives. */
const MAX_DEPTH = 32;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/**
 * The JSON value of a request body; undefined for a body of nothing but white space.
 * Of two fields with the same name the later counts, as in Go.
 * @throws {DecodeError} naming the position when the bytes are not UTF-8, not JSON, or nested deeper than 32.
 */
export function parseJsonBody(body: Buffer): unknown {
  checkDepth(body);
  const text = decodeUtf8(body);
  if (text.trim() === '') return undefined;
  try {
    return JSON.parse(text);
  } catch (cause) {
    const found = findSyntaxError(text);
    throw new DecodeError(`request body is not JSON: ${found}`, {}, { cause });
  }
}

function decodeUtf8(body: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
  } catch (cause) {
    throw new DecodeError(
      `request body is not UTF-8: a wrong byte at position ${firstBadByte(body)}`,
      {},
      { cause },
    );
  }
}

/** Where the replaced text begins to differ from the bytes. */
function firstBadByte(body: Buffer): number {
  const repaired = Buffer.from(body.toString('utf8'));
  let at = 0;
  while (at < body.length && body[at] === repaired[at]) at++;
  return at;
}

function checkDepth(body: Buffer): void {
  let depth = 0;
  for (let i = 0; i < body.length; i++) {
    const byte = body[i];
    if (byte === QUOTE) i = endOfString(body, i);
    else depth += nestingOf(byte);
    if (depth > MAX_DEPTH) {
      throw new DecodeError(`request body is nested deeper than ${MAX_DEPTH} levels at position ${i}`);
    }
  }
}

/** The closing quote of the string that opens at `start`, or the end of the body. */
function endOfString(body: Buffer, start: number): number {
  let i = start + 1;
  while (i < body.length && body[i] !== QUOTE) i += body[i] === BACKSLASH ? 2 : 1;
  return i;
}

function nestingOf(byte: number | undefined): -1 | 0 | 1 {
  switch (byte) {
    case 0x7b: // {
    case 0x5b: // [
      return 1;
    case 0x7d: // }
    case 0x5d: // ]
      return -1;
    default:
      return 0;
  }
}
