import { cutTo, printable, widthOf } from './printable.ts';
import type { Paint, Tone } from './tone.ts';

/** Text of a cell, with its meaning where it has one. */
export type Cell = string | { readonly text: string; readonly tone: Tone };

/** A column: its header and what it shows of a row. */
export interface Column<Row> {
  readonly header: string;
  readonly cell: (row: Row) => Cell;
  readonly align?: 'right';
  /** May be cut with `…` where the table is wider than the terminal. */
  readonly shrinks?: true;
}

/** What a table may look like. */
export interface TableStyle {
  readonly paint: Paint;
  /** Columns to fit into; undefined: as wide as it gets. */
  readonly width: number | undefined;
}

const GAP = '  ';
/** A shrunken column is never narrower. */
const LEAST_WIDTH = 8;

/**
 * Rows under a header, aligned, as lines without a closing newline. Cells are made printable. An empty cell shows `-`,
 * so that every column can be picked by its number.
 */
export function renderTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  style: TableStyle,
): string {
  const cells = rows.map((row) => columns.map((column) => toned(column.cell(row))));
  const header = columns.map((column) => ({ text: column.header, tone: 'faint' as const }));
  const natural = columns.map((_column, i) =>
    Math.max(...[header, ...cells].map((row) => widthOf(row[i]?.text ?? ''))),
  );
  const widths = shrink(natural, columns, style.width);
  const line = (row: readonly Toned[]) =>
    row.map((cell, i) => pad(cell, widths[i] ?? 0, columns[i], i === row.length - 1, style.paint)).join(GAP);
  return [header, ...cells].map(line).join('\n');
}

interface Toned {
  readonly text: string;
  readonly tone: Tone;
}

function toned(cell: Cell): Toned {
  const { text, tone } = typeof cell === 'string' ? { text: cell, tone: 'plain' as const } : cell;
  return text === '' ? { text: '-', tone: 'faint' } : { text: printable(text), tone };
}

function pad(
  cell: Toned,
  width: number,
  column: { readonly align?: 'right' } | undefined,
  last: boolean,
  paint: Paint,
): string {
  const text = cutTo(cell.text, width);
  const space = ' '.repeat(Math.max(0, width - widthOf(text)));
  const painted = paint(text, cell.tone);
  if (column?.align === 'right') return space + painted;
  return last ? painted : painted + space;
}

/** Takes what is too much from the widest shrinking column, until it fits or none can give more. */
function shrink(
  natural: readonly number[],
  columns: readonly { readonly shrinks?: true }[],
  available: number | undefined,
): readonly number[] {
  const widths = [...natural];
  if (available === undefined) return widths;
  let excess = widths.reduce((sum, width) => sum + width, GAP.length * (widths.length - 1)) - available;
  while (excess > 0) {
    const widest = widestOf(widths, columns);
    if (widest === undefined) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
    excess--;
  }
  return widths;
}

function widestOf(
  widths: readonly number[],
  columns: readonly { readonly shrinks?: true }[],
): number | undefined {
  let widest: number | undefined;
  for (const [i, width] of widths.entries()) {
    if (columns[i]?.shrinks !== true || width <= LEAST_WIDTH) continue;
    if (widest === undefined || width > (widths[widest] ?? 0)) widest = i;
  }
  return widest;
}
