import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { sessionNice, setSessionNice } from './session-nice.ts';

const isGrouped = existsSync('/proc/self/autogroup');

test('a session has a nice value of its own, where sessions are groups', () => {
  const own = sessionNice('self');
  const child = spawn('sleep', ['10'], { detached: true, stdio: 'ignore' });
  const { pid } = child;
  if (pid === undefined) throw new Error('sleep does not start');
  try {
    expect(sessionNice(pid)).toBe(isGrouped ? 0 : undefined);
    setSessionNice(pid, 10);
    expect(sessionNice(pid)).toBe(isGrouped ? 10 : undefined);
    expect(sessionNice('self')).toBe(own);
  } finally {
    child.kill('SIGKILL');
  }
});

test('for a process that has ended there is none, and nothing is set', () => {
  const ended = 2 ** 22 + 1;
  expect(sessionNice(ended)).toBeUndefined();
  setSessionNice(ended, 10);
});
