import type { Family, Ip } from '../../core/address.ts';
import { familyOf, parseIp } from '../../core/address.ts';
import { InvalidArgument } from '../../core/errors.ts';
import { type IfName, parseIfName, quote } from '../../core/ids.ts';
import { nearest } from './nearest.ts';

/** Options of Docker's own that weft does not know yet begin so; they are accepted and reported, never refused. */
const DOCKER_PREFIX = 'com.docker.network.';

/** What Go's strconv.ParseBool takes for false. */
const FALSE = /^(0|f|F|false|FALSE|False)$/;

/**
 * Reads a map of option texts key by key and keeps account of what was asked for, so that what remains is unknown.
 * Every method throws {InvalidArgument} naming the key, the value and what is accepted.
 */
export class OptionReader {
  readonly #options: Readonly<Record<string, string>>;
  readonly #known = new Set<string>();
  readonly #subject: string;

  /** @param subject names the driver in messages: `weft-bridge`. */
  constructor(options: Readonly<Record<string, string>>, subject: string) {
    this.#options = options;
    this.#subject = subject;
  }

  /** The text of an option; undefined when it is absent or empty. */
  text(key: string): string | undefined {
    this.#known.add(key);
    const value = Object.hasOwn(this.#options, key) ? this.#options[key] : undefined;
    return value === undefined || value === '' ? undefined : value;
  }

  /** Booleans as Go's strconv.ParseBool reads them, which is what Docker's own drivers accept. */
  boolean(key: string, fallback: boolean): boolean {
    const value = this.text(key);
    if (value === undefined) return fallback;
    if (/^(1|t|T|true|TRUE|True)$/.test(value)) return true;
    if (FALSE.test(value)) return false;
    throw this.#invalid(key, value, '"true" or "false"');
  }

  /** True for a key that is there with any value, or none, but an explicit false: so Docker reads `encrypted`. */
  flag(key: string): boolean {
    return !FALSE.test(this.text(key) ?? '') && Object.hasOwn(this.#options, key);
  }

  integer(key: string, range: { readonly min: number; readonly max: number }): number | undefined {
    const value = this.text(key);
    if (value === undefined) return undefined;
    const number = wholeNumber(value, range);
    if (number === undefined) {
      throw this.#invalid(key, value, `a whole number from ${range.min} to ${range.max}`);
    }
    return number;
  }

  /** Whole numbers separated by commas. */
  integers(key: string, range: { readonly min: number; readonly max: number }): readonly number[] {
    const value = this.text(key);
    if (value === undefined) return [];
    return value.split(',').map((each) => {
      const number = wholeNumber(each, range);
      if (number === undefined) {
        throw this.#invalid(
          key,
          value,
          `whole numbers from ${range.min} to ${range.max}, separated by commas`,
        );
      }
      return number;
    });
  }

  choice<Choice extends string>(key: string, choices: readonly Choice[], fallback: Choice): Choice {
    const value = this.text(key);
    if (value === undefined) return fallback;
    const choice = choices.find((candidate) => candidate === value);
    if (choice === undefined) {
      throw this.#invalid(key, value, `one of ${choices.map((each) => `"${each}"`).join(', ')}`);
    }
    return choice;
  }

  ip(key: string, family?: Family): Ip | undefined {
    const value = this.text(key);
    if (value === undefined) return undefined;
    const expected = family === undefined ? 'an IP address' : `an IPv${family} address`;
    let ip: Ip;
    try {
      ip = parseIp(value, key);
    } catch {
      throw this.#invalid(key, value, expected);
    }
    if (family !== undefined && familyOf(ip) !== family) throw this.#invalid(key, value, expected);
    return ip;
  }

  ifName(key: string): IfName | undefined {
    const value = this.text(key);
    return value === undefined ? undefined : parseIfName(value, `option ${key}`);
  }

  /** Names separated by `separator`, each a possible link name. */
  ifNames(key: string, separator: string): readonly IfName[] {
    const value = this.text(key);
    return value === undefined
      ? []
      : value.split(separator).map((each) => parseIfName(each, `option ${key}`));
  }

  /** Marks keys as known without reading them. */
  accept(...keys: readonly string[]): void {
    for (const key of keys) this.#known.add(key);
  }

  /**
   * Call last: Docker's keys nobody asked for, to be logged.
   * @throws {InvalidArgument} when another key is unknown, naming the nearest known one.
   */
  finish(): readonly string[] {
    const ignored: string[] = [];
    for (const key of Object.keys(this.#options)) {
      if (this.#known.has(key)) continue;
      if (!key.startsWith(DOCKER_PREFIX)) {
        const hint = nearest(key, [...this.#known]);
        throw new InvalidArgument(
          `${this.#subject} has no option ${quote(key)}${hint === undefined ? '' : `; the nearest is "${hint}"`}`,
          { field: key },
        );
      }
      ignored.push(key);
    }
    return ignored;
  }

  #invalid(key: string, value: string, accepted: string): InvalidArgument {
    return new InvalidArgument(`option ${key} is ${quote(value)}: expected ${accepted}`, { field: key });
  }
}

function wholeNumber(
  text: string,
  range: { readonly min: number; readonly max: number },
): number | undefined {
  const number = Number(text);
  return /^\d{1,10}$/.test(text) && number >= range.min && number <= range.max ? number : undefined;
}
