import { describe, expect, test } from 'vitest';
import { InvalidArgument } from '../../core/errors.ts';
import { nearest } from './nearest.ts';
import { OptionReader } from './reader.ts';

const reader = (options: Record<string, string>) => new OptionReader(options, 'weft-test');

describe('an option', () => {
  test.each([
    ['1', true],
    ['t', true],
    ['TRUE', true],
    ['True', true],
    ['0', false],
    ['F', false],
    ['false', false],
    ['', true],
  ])('%j is the boolean %s', (text, value) => {
    expect(reader({ a: text }).boolean('a', true)).toBe(value);
  });

  test('that is absent has its fallback', () => {
    const read = reader({});
    expect(read.boolean('a', true)).toBe(true);
    expect(read.text('a')).toBeUndefined();
    expect(read.integer('a', { min: 1, max: 2 })).toBeUndefined();
    expect(read.integers('a', { min: 1, max: 2 })).toEqual([]);
    expect(read.choice('a', ['x', 'y'], 'y')).toBe('y');
    expect(read.ip('a')).toBeUndefined();
    expect(read.ifName('a')).toBeUndefined();
    expect(read.ifNames('a', ':')).toEqual([]);
    expect(read.text('toString')).toBeUndefined();
  });

  test.each([
    [{}, false],
    [{ a: '' }, true],
    [{ a: 'true' }, true],
    [{ a: 'anything' }, true],
    [{ a: 'false' }, false],
    [{ a: '0' }, false],
  ])('that is a flag: %j is %s', (options, value) => {
    expect(reader(options as Record<string, string>).flag('a')).toBe(value);
  });

  test('of each kind is read', () => {
    const read = reader({ n: '68', c: 'x', ip: 'FD00::1', dev: 'eth0', devs: 'eth0:eth1', ns: '1,70' });
    expect(read.integer('n', { min: 68, max: 70 })).toBe(68);
    expect(read.integers('ns', { min: 1, max: 70 })).toEqual([1, 70]);
    expect(read.choice('c', ['x', 'y'], 'y')).toBe('x');
    expect(read.ip('ip', 6)).toBe('fd00::1');
    expect(read.ifName('dev')).toBe('eth0');
    expect(read.ifNames('devs', ':')).toEqual(['eth0', 'eth1']);
    expect(read.finish()).toEqual([]);
  });

  test.each([
    [(read: OptionReader) => read.boolean('a', true), 'yes', 'option a is "yes": expected "true" or "false"'],
    [
      (read: OptionReader) => read.integer('a', { min: 1, max: 9 }),
      '10',
      'expected a whole number from 1 to 9',
    ],
    [(read: OptionReader) => read.integer('a', { min: 0, max: 9 }), '-1', 'expected a whole number'],
    [(read: OptionReader) => read.integer('a', { min: 0, max: 9 }), '0x1', 'expected a whole number'],
    [
      (read: OptionReader) => read.integers('a', { min: 1, max: 9 }),
      '1,10',
      'option a is "1,10": expected whole numbers from 1 to 9, separated by commas',
    ],
    [(read: OptionReader) => read.choice('a', ['x', 'y'], 'x'), 'z', 'expected one of "x", "y"'],
    [(read: OptionReader) => read.ip('a'), 'host', 'expected an IP address'],
    [(read: OptionReader) => read.ip('a', 4), 'fd00::1', 'expected an IPv4 address'],
    [(read: OptionReader) => read.ip('a', 6), '10.0.0.1', 'expected an IPv6 address'],
    [(read: OptionReader) => read.ifName('a'), 'a/b', 'option a "a/b" is not an interface name'],
    [(read: OptionReader) => read.ifNames('a', ':'), 'eth0:', 'option a "" is not an interface name'],
  ])('%s refuses %j: %s', (use, text, message) => {
    expect(() => use(reader({ a: text }))).toThrow(InvalidArgument);
    expect(() => use(reader({ a: text }))).toThrow(message);
  });
});

describe('an option nobody asked for', () => {
  test('is refused, naming the nearest', () => {
    const read = reader({ 'weft.isolat': '1' });
    read.accept('weft.isolate', 'weft.trusted');
    expect(() => read.finish()).toThrow(InvalidArgument);
    expect(() => read.finish()).toThrow(
      'weft-test has no option "weft.isolat"; the nearest is "weft.isolate"',
    );
    expect(() => reader({ x: '' }).finish()).toThrow('weft-test has no option "x"');
  });

  test('of Docker’s is told and never refused', () => {
    expect(reader({ 'com.docker.network.new': '1' }).finish()).toEqual(['com.docker.network.new']);
  });
});

test.each([
  ['mtu', ['mt', 'mtuu', 'mtu'], 'mtu'],
  ['', ['ab', 'a'], 'a'],
  ['abc', ['abd', 'abe'], 'abd'],
  ['x', [], undefined],
  ['kitten', ['sitting', 'mitten'], 'mitten'],
])('nearest to %j of %j is %s', (word, candidates, expected) => {
  expect(nearest(word, candidates)).toBe(expected);
});
