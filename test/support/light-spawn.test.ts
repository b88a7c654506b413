import { expect, test } from 'vitest';
import { outputOf, runLightly } from './light-spawn.ts';

test('of two programs that write at once nothing is lost', () => {
  for (let n = 0; n < 50; n++) {
    const lines = outputOf(['sh', '-c', 'echo one & echo two & wait']).split('\n');
    expect(lines.sort()).toEqual(['', 'one', 'two']);
  }
});

test('how a program ended and what it said on each output', () => {
  expect(runLightly(['sh', '-c', 'echo out; echo err >&2; exit 3'])).toEqual({
    code: 3,
    stdout: 'out\n',
    stderr: 'err\n',
  });
  expect(runLightly(['sh', '-c', 'kill -9 $$']).code).toBe(128);
  expect(() => outputOf(['sh', '-c', 'echo no >&2; false'])).toThrow('exit code 1: no');
  expect(() => outputOf(['no-such-program'])).toThrow(expect.objectContaining({ code: 'ENOENT' }));
});
