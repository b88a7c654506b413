import { styleText } from 'node:util';
import type { Paint, Tone } from './tone.ts';
import { FORMATS } from './tone.ts';

/** Where output goes and what it may look like. */
export interface Terminal {
  /** Columns; undefined when the output is not a terminal and nothing needs to fit. */
  readonly width: number | undefined;
  readonly paint: Paint;
  /** Milliseconds since the epoch, for relative times. */
  readonly now: () => number;
  /** Writes text and a newline. */
  line(text: string): void;
}

type Stream = Pick<NodeJS.WriteStream, 'write'> & { readonly isTTY?: boolean; readonly columns?: number };

/**
 * Colours only on a terminal, and not with NO_COLOR (no-color.org: any non-empty value) or TERM=dumb.
 */
export function openTerminal(stream: Stream, env: NodeJS.ProcessEnv, now: () => number = Date.now): Terminal {
  const tty = stream.isTTY === true;
  const coloured = tty && !env['NO_COLOR'] && env['TERM'] !== 'dumb';
  return {
    width: tty ? stream.columns : undefined,
    paint: coloured ? paintAnsi : (text) => text,
    now,
    line: (text) => {
      stream.write(`${text}\n`);
    },
  };
}

function paintAnsi(text: string, tone: Tone): string {
  return tone === 'plain' ? text : styleText(FORMATS[tone], text, { validateStream: false });
}
