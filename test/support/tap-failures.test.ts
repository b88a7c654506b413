import { describe, expect, it } from 'vitest';
import { tapFailures } from './tap-failures.ts';

describe('tapFailures', () => {
  it('tells of each failed assertion, not of the subtests around it', () => {
    const tap = [
      '# Subtest: outer',
      '    # Subtest: inner',
      '        ok 1 - fine',
      '        not ok 2 - two',
      '          ---',
      '          wanted: 1',
      '          ...',
      '        1..2',
      '    not ok 1 - inner # time=3ms',
      '    ',
      '    ok 2 - other',
      '    not ok 3 - three',
      '    1..3',
      'not ok 1 - outer # time=5ms',
      '',
    ];
    expect(tapFailures(tap.join('\n'))).toEqual([
      '        not ok 2 - two\n          ---\n          wanted: 1\n          ...',
      '    not ok 3 - three',
    ]);
  });

  it('tells of a file that was stopped, and of a failure after a failed subtest', () => {
    const tap =
      '# Subtest: a\n    not ok 1 - x\n    1..1\nnot ok 1 - a\nok 2 - b\nnot ok - stopped after 900 s\n';
    expect(tapFailures(tap)).toEqual(['    not ok 1 - x', 'not ok - stopped after 900 s']);
  });

  it('tells nothing of what passed, or of words in a diagnostic', () => {
    expect(tapFailures('ok 1 - not ok\n  said: not ok\n')).toEqual([]);
  });

  it('says the beginning only of what is long', () => {
    const [brief = ''] = tapFailures(`not ok 1 - x\n${'  line\n'.repeat(100)}  ${'y'.repeat(1000)}`);
    expect(brief.split('\n')).toHaveLength(15);
    expect(tapFailures(`not ok 1 - ${'z'.repeat(1000)}`)[0]?.length).toBe(241);
  });
});
