import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DecodeError } from '../../../core/errors.ts';
import { parseJsonBody } from './json-body.ts';
import { findSyntaxError } from './json-syntax.ts';

describe('findSyntaxError', () => {
  test.each([
    ['', 'it ends at position 0 where value is expected'],
    ['[1,]', 'value is expected at position 3, not "]"'],
    ['[1 2]', ', or the end is expected at position 3, not "2"'],
    ['{"a":1,"b"}', '":" is expected at position 10, not "}"'],
    ['{"a":"\\u12g4"}', 'the rest of a text is expected at position 6, not "\\\\"'],
    ['truee', 'value is expected at position 0, not "t"'],
    ['[}', 'value or ] is expected at position 1, not "}"'],
    ['{]', 'name or } is expected at position 1, not "]"'],
    ['1 1', 'nothing is expected at position 2, not "1"'],
  ])('%j', (text, expected) => {
    expect(findSyntaxError(text)).toBe(expected);
  });

  test('finds nothing wrong exactly when JSON.parse accepts the text', () => {
    const pieces = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"a"',
      '1',
      '-0.5e3',
      '01',
      'null',
      ' ',
      '"\\n"',
    );
    const token = fc.array(pieces, { maxLength: 9 }).map((list) => list.join(''));
    fc.assert(
      fc.property(fc.oneof(token, fc.json(), fc.string({ unit: 'binary' })), (text) => {
        // At the end of a whole text nothing more is expected: the position is its length.
        const whole = findSyntaxError(text).endsWith('where nothing is expected');
        expect(whole).toBe(accepts(text));
      }),
      { numRuns: 5000 },
    );
  });

  test('a text of a megabyte takes one pass', () => {
    expect(findSyntaxError(`"${'\\n'.repeat(500_000)}`)).toContain('position 1000001');
  });
});

function accepts(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

describe('parseJsonBody', () => {
  test('gives what JSON.parse gives, up to 32 levels', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 10 }), (text) => {
        expect(parseJsonBody(Buffer.from(text))).toEqual(JSON.parse(text));
      }),
    );
    expect(parseJsonBody(Buffer.from('['.repeat(32) + ']'.repeat(32)))).toBeDefined();
  });

  test('brackets in strings do not count as nesting, after escaped quotes neither', () => {
    const text = JSON.stringify({ a: `"\\${'['.repeat(100)}`, b: '\\' });
    expect(parseJsonBody(Buffer.from(text))).toEqual(JSON.parse(text));
  });

  test('white space is no body', () => {
    expect(parseJsonBody(Buffer.from(' \r\n\t'))).toBeUndefined();
  });

  test('any bytes give a value or a DecodeError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        try {
          parseJsonBody(Buffer.from(bytes));
        } catch (error) {
          expect(error).toBeInstanceOf(DecodeError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
