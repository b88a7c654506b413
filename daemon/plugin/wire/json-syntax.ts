const SPACE = /[ \t\n\r]*/y;
const SCALAR = /(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)(?![\w.+-])/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;

type Expectation =
  | 'value'
  | 'value or ]'
  | 'name or }'
  | 'name'
  | ':'
  | ', or the end'
  | 'the rest of a text'
  | 'nothing';

/**
 * Says where a text stops being JSON (RFC 8259) and what should be there: `expected ":" at position 7`. The engine's
 * own message names no position for most mistakes, so this runs after JSON.parse has refused the text.
 */
export function findSyntaxError(text: string): string {
  const scan = new SyntaxScan(text);
  while (scan.step());
  return scan.finding;
}

/** One pass over a text; an explicit stack, so that nesting costs no calls. */
class SyntaxScan {
  readonly #text: string;
  readonly #open: ('{' | '[')[] = [];
  #at = 0;
  #expected: Expectation = 'value';
  finding = 'cut short';

  constructor(text: string) {
    this.#text = text;
  }

  /** Reads one token; false when there is nothing more to learn. */
  step(): boolean {
    this.#at = endOf(SPACE, this.#text, this.#at) ?? this.#at;
    const char = this.#text[this.#at];
    const next = char === undefined ? undefined : this.#advance(char);
    if (next === undefined) {
      this.finding = this.#describe();
      return false;
    }
    this.#at = next;
    return true;
  }

  #describe(): string {
    const wanted = this.#expected === ':' ? '":"' : this.#expected;
    const found = this.#text[this.#at];
    return found === undefined
      ? `it ends at position ${this.#at} where ${wanted} is expected`
      : `${wanted} is expected at position ${this.#at}, not ${JSON.stringify(found)}`;
  }

  #advance(char: string): number | undefined {
    switch (this.#expected) {
      case 'name or }':
      case 'name':
        return this.#name(char);
      case ':':
        return char === ':' ? this.#then('value', this.#at + 1) : undefined;
      case ', or the end':
        return this.#separator(char);
      case 'value or ]':
      case 'value':
        return this.#value(char);
      case 'the rest of a text':
      case 'nothing':
        return undefined;
    }
  }

  #name(char: string): number | undefined {
    if (char === '}' && this.#expected === 'name or }') return this.#close();
    const end = char === '"' ? this.#stringEnd() : undefined;
    return end === undefined ? undefined : this.#then(':', end);
  }

  #separator(char: string): number | undefined {
    const open = this.#open.at(-1);
    if (char === ',') return this.#then(open === '{' ? 'name' : 'value', this.#at + 1);
    return char === (open === '{' ? '}' : ']') ? this.#close() : undefined;
  }

  #value(char: string): number | undefined {
    if (char === ']' && this.#expected === 'value or ]') return this.#close();
    if (char === '{' || char === '[') {
      this.#open.push(char);
      return this.#then(char === '{' ? 'name or }' : 'value or ]', this.#at + 1);
    }
    const end = char === '"' ? this.#stringEnd() : endOf(SCALAR, this.#text, this.#at);
    return end === undefined ? undefined : this.#then(this.#afterValue(), end);
  }

  #close(): number {
    this.#open.pop();
    return this.#then(this.#afterValue(), this.#at + 1);
  }

  #afterValue(): Expectation {
    return this.#open.length === 0 ? 'nothing' : ', or the end';
  }

  #then(expected: Expectation, at: number): number {
    this.#expected = expected;
    return at;
  }

  /** After the closing quote; undefined when the text breaks off or holds what it may not. */
  #stringEnd(): number | undefined {
    let at = this.#at + 1;
    for (;;) {
      const char = this.#text[at];
      if (char === '"') return at + 1;
      const next = char === '\\' ? endOf(ESCAPE, this.#text, at) : at + 1;
      if (char === undefined || char < ' ' || next === undefined) {
        return this.#broken(at);
      }
      at = next;
    }
  }

  #broken(at: number): undefined {
    this.#at = at;
    this.#expected = 'the rest of a text';
  }
}

function endOf(pattern: RegExp, text: string, at: number): number | undefined {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : undefined;
}
