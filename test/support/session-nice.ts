import { readFileSync, writeFileSync } from 'node:fs';

/*
 * Where the kernel groups processes by session (sched(7), "The autogroup feature"), sessions share a processor evenly
 * whatever the policy and nice value of their processes, which then count within a session only.
 */

/** Of all that a session does together, for a nice value. */
const LINE = / nice (-?\d+)$/m;

/** The nice value of a process' session; undefined where sessions are no groups, and for a process that has ended. */
export function sessionNice(pid: number | 'self'): number | undefined {
  const nice = LINE.exec(orNothing(() => readFileSync(file(pid), 'utf8')) ?? '')?.[1];
  return nice === undefined ? undefined : Number(nice);
}

/** Sets the nice value of a process' session; nothing where there is none. */
export function setSessionNice(pid: number, nice: number): void {
  orNothing(() => writeFileSync(file(pid), String(nice), { flag: 'r+' }));
}

const file = (pid: number | 'self') => `/proc/${pid}/autogroup`;

function orNothing<T>(act: () => T): T | undefined {
  try {
    return act();
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH'))
      return;
    throw error;
  }
}
