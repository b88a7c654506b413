import { InvalidArgument } from '../../core/errors.ts';
import { quote } from '../../core/ids.ts';

/** Options of an endpoint or labels of a container. */
export type Labels = Readonly<Record<string, string>>;

/**
 * The error for a value that is not accepted.
 * @param expected what is, as the rest of a sentence.
 */
export function notAccepted(key: string, value: string, expected: string): InvalidArgument {
  return new InvalidArgument(`${key} ${quote(value)}: expected ${expected}`, { field: key });
}

/**
 * A decimal number without sign or leading zeros.
 * @returns undefined for anything else, and for a number that is out of the range.
 */
export function wholeNumber(text: string, { min, max }: { min: number; max: number }): number | undefined {
  const value = /^(0|[1-9]\d{0,8})$/.test(text) ? Number(text) : Number.NaN;
  return value >= min && value <= max ? value : undefined;
}

/** A port from 1 to 65535; undefined for anything else. */
export function portNumber(text: string): number | undefined {
  return wholeNumber(text, { min: 1, max: 65_535 });
}
