import { readFileSync, writeFileSync } from 'node:fs';

/*
 * Where the kernel groups processes by session (sched(7), "The autogroup feature"), sessions share a processor evenly
 * whatever the policy and nice value of their processes, which then count within a session only.
 */

/** Of all that a session does together, for a nice value. */
const LINE = / nice (-?\d+)$/m;

/** The nice value of a process' session; undefined where sessions are no groups. */
export function sessionNice(pid: number | 'self'): number | undefined {
  const nice = LINE.exec(contents(pid))?.[1];
  return nice === undefined ? undefined : Number(nice);
}

/** Sets the nice value of a process' session. Where sessions are no groups, and for one that has ended, nothing. */
export function setSessionNice(pid: number, nice: number): void {
  if (sessionNice(pid) !== undefined) writeFileSync(file(pid), String(nice));
}

const file = (pid: number | 'self') => `/proc/${pid}/autogroup`;

function contents(pid: number | 'self'): string {
  try {
    return readFileSync(file(pid), 'utf8');
  } catch {
    return '';
  }
}
