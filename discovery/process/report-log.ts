import type { LogLevel, Report } from '../link/index.ts';
import type { DiscoveryLog } from '../server/index.ts';

/** Lines kept while weftd is away. */
const KEPT = 100;
/** Lines in a second; what a container provokes must not fill the log. */
const PER_SECOND = 20;

type Line = Extract<Report, { type: 'log' }>;

/** The process' log: weftd writes it, as soon as there is one. */
export class ReportLog implements DiscoveryLog {
  readonly #debug: boolean;
  #send: ((line: Line) => boolean) | undefined;
  #kept: Line[] = [];
  #second = 0;
  #count = 0;

  constructor(debug: boolean) {
    this.#debug = debug;
  }

  /** @param send says whether the line has gone to weftd. */
  open(send: (line: Line) => boolean): void {
    this.#send = send;
  }

  /** weftd is there. */
  flush(): void {
    const kept = this.#kept;
    this.#kept = [];
    for (const line of kept) this.#write(line);
  }

  debug(context: object, message: string): void {
    if (this.#debug) this.#line('debug', context, message);
  }

  info(context: object, message: string): void {
    this.#line('info', context, message);
  }

  warn(context: object, message: string): void {
    this.#line('warn', context, message);
  }

  error(context: object, message: string): void {
    this.#line('error', context, message);
  }

  #line(level: LogLevel, context: object, message: string): void {
    const second = Math.floor(Date.now() / 1000);
    if (second !== this.#second) this.#count = 0;
    this.#second = second;
    this.#count += 1;
    if (this.#count <= PER_SECOND) this.#write({ type: 'log', level, context, message });
  }

  #write(line: Line): void {
    if (this.#send?.(line) === true) return;
    if (this.#kept.length >= KEPT) this.#kept.shift();
    this.#kept.push(line);
  }
}
