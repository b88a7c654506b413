import { printable, widthOf } from './printable.ts';
import type { Cell } from './table.ts';
import type { Paint } from './tone.ts';

/** A label and what is so; undefined and empty values are left out. */
export type Fact = readonly [label: string, value: Cell | undefined];

/** Facts one a line, values aligned, without a closing newline. */
export function renderBlock(facts: readonly Fact[], paint: Paint): string {
  const shown = facts.flatMap(([label, value]) => {
    if (value === undefined) return [];
    const { text, tone } = typeof value === 'string' ? { text: value, tone: 'plain' as const } : value;
    return text === '' ? [] : [{ label, text: paint(printable(text), tone) }];
  });
  const width = Math.max(0, ...shown.map(({ label }) => widthOf(label)));
  return shown
    .map(({ label, text }) => `${paint(label, 'faint')}${' '.repeat(width - widthOf(label))}  ${text}`)
    .join('\n');
}
