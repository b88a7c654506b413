import { type ListOptions, type Session, writeJson } from './session.ts';
import { type Column, renderTable } from './table.ts';

const SHORT_ID = 12;

/** An id as lists show it: 12 characters, or all of them with --no-trunc. */
export function shownId(id: string, options: Pick<ListOptions, 'trunc'>): string {
  return options.trunc ? id.slice(0, SHORT_ID) : id;
}

/** A list as the user asked for it: JSON, a table, or a word that there is nothing. */
export function writeList<Row>(
  { terminal }: Pick<Session, 'terminal'>,
  options: ListOptions,
  list: { readonly noun: string; readonly columns: readonly Column<Row>[]; readonly rows: readonly Row[] },
): void {
  if (options.json === true) {
    writeJson(terminal, list.rows);
    return;
  }
  if (list.rows.length === 0) {
    terminal.line(`no ${list.noun}s`);
    return;
  }
  const width = options.trunc ? terminal.width : undefined;
  terminal.line(renderTable(list.columns, list.rows, { paint: terminal.paint, width }));
}
