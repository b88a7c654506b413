import { describe, expect, it } from 'vitest';
import { Conflict, InvalidArgument, NotFound } from '../../core/errors.ts';
import { matchRef } from './match-ref.ts';

const THINGS = [
  { id: 'abc1', name: 'web' },
  { id: 'abc2' },
  { id: 'abd3', name: 'abc' },
  { id: 'abc2x', name: 'abc1' },
];

describe('matchRef', () => {
  it.each([
    ['a full id, even where it is a prefix of another', 'abc2', 'abc2'],
    ['a full id before the same text as a name', 'abc1', 'abc1'],
    ['a name before a prefix', 'abc', 'abd3'],
    ['a prefix of one id', 'abd', 'abd3'],
    ['a name', 'web', 'abc1'],
  ])('finds by %s', (_what, ref, id) => {
    expect(matchRef(THINGS, ref, 'network').id).toBe(id);
  });

  it('says what was not found', () => {
    expect(() => matchRef(THINGS, 'nope', 'network')).toThrow(
      new NotFound('no network has the id or name "nope"', { network: 'nope' }),
    );
  });

  it('names the candidates of an ambiguous prefix', () => {
    expect(() => matchRef(THINGS, 'ab', 'network')).toThrow(
      new Conflict('"ab" names 4 networks: abc1 (web), abc2, abd3 (abc), abc2x (abc1)', { network: 'ab' }),
    );
  });

  it('names five candidates and counts the rest', () => {
    const many = Array.from({ length: 8 }, (_, i) => ({ id: `a${i}` }));
    expect(() => matchRef(many, 'a', 'endpoint')).toThrow('8 endpoints: a0, a1, a2, a3, a4 and 3 more');
  });

  it('refuses an empty reference, which would match everything', () => {
    expect(() => matchRef(THINGS, '', 'network')).toThrow(InvalidArgument);
  });
});
