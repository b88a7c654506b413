/** What a piece of text means; the terminal decides what that looks like. */
export type Tone = 'plain' | 'good' | 'notice' | 'warning' | 'bad' | 'faint' | 'strong';

/** Adds colour, or nothing. */
export type Paint = (text: string, tone: Tone) => string;

/** Names that `util.styleText` knows. */
export const FORMATS = {
  good: 'green',
  notice: 'cyan',
  warning: 'yellow',
  bad: 'red',
  faint: 'dim',
  strong: 'bold',
} as const satisfies Record<Exclude<Tone, 'plain'>, string>;
