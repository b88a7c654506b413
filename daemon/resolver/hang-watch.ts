import type { ResolverLog } from './log.ts';
import type { Member } from './member.ts';
import { signal } from './running-process.ts';

/** A process says something each 10 s. */
const LOOK_MS = 10_000;
const MOST_SILENCE = 4;

/** Ends a process that hangs: looks are counted rather than time, which a suspended machine has too much of. */
export class HangWatch implements Disposable {
  readonly #members: ReadonlyMap<unknown, Member>;
  readonly #log: ResolverLog;
  readonly #timer = setInterval(() => this.#look(), LOOK_MS);

  /** @param members those that are connected, at any time. */
  constructor(members: ReadonlyMap<unknown, Member>, log: ResolverLog) {
    this.#members = members;
    this.#log = log;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    for (const member of this.#members.values()) {
      member.silence += 1;
      if (member.silence < MOST_SILENCE) continue;
      this.#log.warn({ pid: member.pid }, 'the resolver process hangs; it is ended');
      signal(member.pid, 'SIGKILL');
    }
  }
}
