import { describe, expect, it } from 'vitest';
import { ago, duration, localTime, parseSince, plural, until } from './time-text.ts';

const NOW = Date.parse('2030-01-02T03:04:05.000Z');
const at = (seconds: number) => new Date(NOW + seconds * 1000).toISOString();

describe('relative times', () => {
  it.each([
    [0, 'now'],
    [30, 'now'],
    [-0.5, 'now'],
    [-1, '1 second ago'],
    [-59.9, '59 seconds ago'],
    [-60, '1 minute ago'],
    [-3599, '59 minutes ago'],
    [-7200, '2 hours ago'],
    [-86_400 * 400, '400 days ago'],
  ])('%d s from now is %j', (seconds, text) => {
    expect(ago(at(seconds), NOW)).toBe(text);
  });

  it.each([
    [-1, 'now'],
    [20, 'in 20 seconds'],
    [60, 'in 1 minute'],
  ])('%d s ahead is %j', (seconds, text) => {
    expect(until(at(seconds), NOW)).toBe(text);
  });

  it.each([
    [0, '0 seconds'],
    [59.9, '59 seconds'],
    [61, '1 minute 1 second'],
    [3600, '1 hour'],
    [7500, '2 hours 5 minutes'],
    [86_400 + 5, '1 day'],
    [-4, '0 seconds'],
  ])('%d s last %j', (seconds, text) => {
    expect(duration(seconds)).toBe(text);
  });

  it('writes local time to the second', () => {
    const date = new Date(2030, 0, 2, 3, 4, 5);
    expect(localTime(date.toISOString())).toBe('2030-01-02 03:04:05');
  });

  it('counts nouns', () => {
    expect([plural(0, 'port'), plural(1, 'port'), plural(2, 'port')]).toEqual([
      '0 ports',
      '1 port',
      '2 ports',
    ]);
  });
});

describe('parseSince', () => {
  it.each([
    ['45s', at(-45)],
    ['10m', at(-600)],
    ['2h', at(-7200)],
    ['3d', at(-3 * 86_400)],
    ['2030-01-01T00:00:00Z', '2030-01-01T00:00:00.000Z'],
    ['2030-01-01T02:00:00.5+02:00', '2030-01-01T00:00:00.500Z'],
  ])('reads %j', (text, time) => {
    expect(parseSince(text, NOW)).toBe(time);
  });

  it.each(['', 'yesterday', '10', '10 m', '-5m', '1w', '2030-01-01', '2030-13-01T00:00:00Z', '99999999999d'])(
    'refuses %j',
    (text) => {
      expect(parseSince(text, NOW)).toBeUndefined();
    },
  );
});
