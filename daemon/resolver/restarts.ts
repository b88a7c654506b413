import { readFileSync } from 'node:fs';

/** The line of an error in what a process says when it crashes: Node's, or V8's where memory has run out. */
const LAST_WORDS = /^(?:FATAL ERROR|[A-Z]\w*(?: \[\w+\])?): .+/m;
const MOST_CHARACTERS = 200;

interface End {
  readonly pid: number;
  readonly how: string;
  readonly said: string | undefined;
}

/** How often a process has ended for which another one is started, and why the last one did. */
export class Restarts {
  readonly #stderr: string;
  #count = 0;
  #last: End | undefined;

  /** @param stderr path of what the process said last. */
  constructor(stderr: string) {
    this.#stderr = stderr;
  }

  get count(): number {
    return this.#count;
  }

  /** One sentence; undefined while none has ended. */
  get lastError(): string | undefined {
    if (this.#last === undefined) return undefined;
    const { pid, how, said } = this.#last;
    return `process ${pid} has ended: ${how}${said === undefined ? '' : ` (${said})`}`;
  }

  /** A process has ended unasked, and another one is to come. @param how absent: nobody can tell. */
  ended(pid: number, how = 'it is gone'): void {
    this.#count += 1;
    this.#last = { pid, how, said: this.#lastWords() };
  }

  #lastWords(): string | undefined {
    try {
      return LAST_WORDS.exec(readFileSync(this.#stderr, 'utf8'))?.[0].slice(0, MOST_CHARACTERS);
    } catch {
      // It has said nothing.
      return undefined;
    }
  }
}
