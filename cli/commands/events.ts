import type { EventView } from '../../core/control.ts';
import { EXIT, type ExitCode, Failure } from '../failure.ts';
import { printable } from '../printable.ts';
import type { Session } from '../session.ts';
import type { Terminal } from '../terminal.ts';
import { localTime, parseSince } from '../time-text.ts';

/** Options of `weft events`. */
export interface EventsOptions {
  readonly json?: boolean;
  readonly since?: string;
  /** False with --no-follow. */
  readonly follow: boolean;
}

/** Wide enough for most kinds; longer ones push the text aside. */
const KIND_WIDTH = 18;

/**
 * `weft events`: prints them until interrupted. Exit 3 when weftd ends the stream, because it stops.
 * @throws {Failure} exit 2 when --since is neither a duration nor a time.
 */
export async function followEvents({ client, terminal }: Session, options: EventsOptions): Promise<ExitCode> {
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  const path = eventsPath(options, terminal.now());
  try {
    for await (const line of client.lines(path, stop.signal)) {
      if (line !== '') terminal.line(options.json === true ? line : renderEvent(line, terminal));
    }
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  }
  if (stop.signal.aborted || !options.follow) return EXIT.fine;
  throw new Failure(
    EXIT.unreachable,
    'weftd ended the event stream',
    'It stops or restarts; run weft events again.',
  );
}

function eventsPath({ since, follow }: EventsOptions, now: number): string {
  const query = new URLSearchParams();
  if (!follow) query.set('follow', 'false');
  if (since !== undefined) {
    const moment = parseSince(since, now);
    if (moment === undefined) {
      const hint = 'Write 30s, 10m, 2h or 3d for a time ago, or a time such as 2030-01-31T12:00:00Z.';
      throw new Failure(EXIT.usage, `--since ${JSON.stringify(since)} is not a time`, hint);
    }
    query.set('since', moment);
  }
  return query.size === 0 ? '/v1/events' : `/v1/events?${query}`;
}

function renderEvent(line: string, { paint }: Terminal): string {
  const { time, kind, text } = JSON.parse(line) as EventView;
  const shownKind = printable(kind);
  const tone = kind === 'events.lost' ? 'warning' : 'notice';
  const gap = ' '.repeat(Math.max(0, KIND_WIDTH - shownKind.length));
  return `${paint(localTime(time), 'faint')}  ${paint(shownKind, tone)}${gap}  ${printable(text)}`;
}
