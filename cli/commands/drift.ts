import type { DriftReport, DriftView } from '../../core/control.ts';
import { EXIT, type ExitCode } from '../failure.ts';
import { writeList } from '../list-output.ts';
import { type ListOptions, type Session, writeJson } from '../session.ts';
import type { Column } from '../table.ts';
import { ago, plural } from '../time-text.ts';

/** `weft drift` */
export async function showDrift(session: Session, options: ListOptions): Promise<ExitCode> {
  const { client, terminal } = session;
  const report = await client.get<DriftReport>('/v1/drift');
  if (options.json === true) {
    writeJson(terminal, report);
    return EXIT.fine;
  }
  const sum = report.totals.reduce((total, { count }) => total + count, 0);
  if (sum === 0) {
    terminal.line('nothing has needed repair since weftd started');
    return EXIT.fine;
  }
  const totals = report.totals.map(({ object, cause, count }) => `${count} ${object} ${cause}`);
  terminal.line(`${plural(sum, 'repair')} since weftd started: ${totals.join(', ')}`);
  if (report.repairs.length === 0) return EXIT.fine;
  terminal.line('');
  const list = { noun: 'repair', columns: columns(terminal.now()), rows: report.repairs };
  writeList(session, { trunc: options.trunc }, list);
  return EXIT.fine;
}

function columns(now: number): Column<DriftView>[] {
  return [
    { header: 'WHEN', cell: ({ time }) => ago(time, now) },
    { header: 'OBJECT', cell: ({ key }) => key, shrinks: true },
    { header: 'CAUSE', cell: ({ cause }) => cause },
    { header: 'ACTION', cell: ({ action }) => action },
  ];
}
