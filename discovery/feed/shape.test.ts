import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DecodeError } from '../../core/errors.ts';
import { boolean, decoder, integer, list, literal, object, optional, tagged, text } from './shape.ts';

test.each([
  [text(), 'a', true],
  [text(), 1, false],
  [text(), 'a'.repeat(1025), false],
  [text((value) => value === 'b'), 'a', false],
  [integer(1, 3), 3, true],
  [integer(1, 3), 4, false],
  [integer(1, 3), 1.5, false],
  [integer(1, 3), '2', false],
  [literal('a', 'b'), 'b', true],
  [literal(true), 1, false],
  [boolean, false, true],
  [optional(boolean), undefined, true],
  [optional(boolean), null, false],
  [list(boolean, 2), [true, false], true],
  [list(boolean, 2), [true, true, true], false],
  [list(boolean), { length: 0 }, false],
  [object({ a: boolean }), { a: true, further: 1 }, true],
  [object({ a: boolean }), { b: true }, false],
  [object({ a: optional(boolean) }), {}, true],
  [object({}), [], false],
  [object({}), null, false],
  [tagged('kind', { one: { a: boolean } }), { kind: 'one', a: true }, true],
  [tagged('kind', { one: { a: boolean } }), { kind: 'two', a: true }, false],
  [tagged('kind', { one: {} }), {}, false],
])('%# %j is %j', (shape, value, accepted) => {
  expect(shape(value)).toBe(accepted);
});

test('what an object inherits is none of its fields', () => {
  expect(object({ toString: optional(boolean) })({})).toBe(true);
  expect(object({ constructor: text() })({})).toBe(false);
});

test('no value makes a shape throw', () => {
  const shape = tagged('kind', { one: { a: list(object({ b: optional(text()) })) } });
  fc.assert(
    fc.property(fc.anything({ withNullPrototype: true }), (value) => {
      expect(typeof shape(value)).toBe('boolean');
    }),
  );
});

test('a decoder names what it wanted', () => {
  const decode = decoder<boolean>(boolean, 'a truth');
  expect(decode(true)).toBe(true);
  expect(() => decode(1)).toThrow(new DecodeError('1 is not a truth'));
});
