import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { printable, widthOf } from './printable.ts';
import { type Column, renderTable } from './table.ts';
import type { Paint } from './tone.ts';

interface Row {
  readonly name: string;
  readonly count: number;
}

const plain: Paint = (text) => text;
const marked: Paint = (text, tone) => (tone === 'plain' ? text : `<${tone}>${text}</>`);
const COLUMNS: readonly Column<Row>[] = [
  { header: 'NAME', cell: ({ name }) => name, shrinks: true },
  { header: 'COUNT', cell: ({ count }) => String(count), align: 'right' },
  {
    header: 'STATE',
    cell: ({ count }) => ({ text: count > 9 ? 'full' : 'fine', tone: count > 9 ? 'bad' : 'good' }),
  },
];
const ROWS: readonly Row[] = [
  { name: 'a', count: 3 },
  { name: 'a-rather-long-name', count: 12 },
  { name: '', count: 0 },
];

describe('renderTable', () => {
  it('aligns columns and shows empty cells as a dash', () => {
    expect(renderTable(COLUMNS, ROWS, { paint: plain, width: undefined })).toMatchInlineSnapshot(`
      "NAME                COUNT  STATE
      a                       3  fine
      a-rather-long-name     12  full
      -                       0  fine"
    `);
  });

  it('cuts the columns that may shrink to fit the terminal', () => {
    expect(renderTable(COLUMNS, ROWS, { paint: plain, width: 24 })).toMatchInlineSnapshot(`
      "NAME        COUNT  STATE
      a               3  fine
      a-rather-…     12  full
      -               0  fine"
    `);
  });

  it('leaves a shrinking column eight wide, even where the terminal is narrower', () => {
    expect(renderTable(COLUMNS, ROWS, { paint: plain, width: 5 })).toContain('a-rathe…     12  full');
  });

  it('paints cells without moving columns', () => {
    expect(renderTable(COLUMNS, ROWS, { paint: marked, width: undefined })).toMatchInlineSnapshot(`
      "<faint>NAME</>                <faint>COUNT</>  <faint>STATE</>
      a                       3  <good>fine</>
      a-rather-long-name     12  <bad>full</>
      <faint>-</>                       0  <good>fine</>"
    `);
  });

  it('aligns wide characters and disarms control characters', () => {
    const rows = [
      { name: '网络', count: 1 },
      { name: 'e\u{301}t\u{e9}', count: 2 },
      { name: '\u{1b}[31mred\n', count: 3 },
    ];
    const text = renderTable(COLUMNS, rows, { paint: plain, width: undefined });
    const lines = text.split('\n');
    expect(lines).toHaveLength(4);
    expect(text).not.toContain('\u{1b}');
    expect(
      lines.map((line) => widthOf(line.slice(0, line.indexOf(line.endsWith('STATE') ? 'STATE' : 'fine')))),
    ).toEqual([18, 18, 18, 18]);
  });

  it('is never wider than a terminal that its columns can shrink to', () => {
    const name = fc.string({ unit: 'grapheme', maxLength: 60 });
    const rows = fc.array(fc.record({ name, count: fc.nat(99_999) }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(rows, fc.integer({ min: 24, max: 120 }), (some, width) => {
        const lines = renderTable(COLUMNS, some, { paint: plain, width }).split('\n');
        expect(lines).toHaveLength(some.length + 1);
        for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(width);
      }),
    );
  });
});

describe('printable', () => {
  it('replaces every control character and nothing else', () => {
    expect(printable('a\u{1b}b\rc\td\u{9b}e\u{7f}')).toBe('a�b�c�d�e�');
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
        expect(printable(text)).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
        expect([...printable(text)]).toHaveLength([...text].length);
      }),
    );
  });
});
