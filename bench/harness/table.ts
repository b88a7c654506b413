import type { JudgedFigure, Target, Unit } from './figure.ts';
import type { Spread } from './statistics.ts';

/**
 * An aligned table of figures, one a line, ending in a line break.
 * @param other what weft is compared with, for the heading.
 */
export function figureTable(figures: readonly JudgedFigure[], other: string): string {
  const header = ['', 'weft', 'p99', other, 'p99', 'unit', 'ratio', 'target', ''];
  const rows = [header, ...figures.map(cells)];
  const widths = header.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      `  ${row.map((cell, column) => pad(cell, widths[column] ?? 0, column)).join('  ')}`.trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join('');
}

function pad(cell: string, width: number, column: number): string {
  return column === 0 || column >= 7 ? cell.padEnd(width) : cell.padStart(width);
}

function cells({ what, unit, weft, other, ratio, target, verdict }: JudgedFigure): readonly string[] {
  return [
    what,
    ...spreadCells(weft),
    ...(other === undefined ? ['', ''] : spreadCells(other)),
    unit,
    ratio === undefined ? '' : ratio.toFixed(2),
    target === undefined ? '' : targetText(target, unit),
    verdict ?? '',
  ];
}

function spreadCells({ p50, p99, count }: Spread): readonly string[] {
  return [numberText(p50), count > 1 ? numberText(p99) : ''];
}

/** Three digits that count. */
function numberText(value: number): string {
  const size = Math.abs(value);
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2);
}

function targetText({ of, atMost, atLeast, noise }: Target, unit: Unit): string {
  const bound = atMost === undefined ? `>= ${atLeast}` : `<= ${atMost}`;
  const slack = noise === undefined ? '' : ` ±${noise * 100} %`;
  switch (of) {
    case 'ratio':
      return `${bound}${slack}`;
    case 'ratio99':
      return `p99 ${bound}${slack}`;
    case 'p50':
    case 'p99':
      return `${of} ${bound} ${unit}${slack}`;
  }
}
