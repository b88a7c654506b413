import type { DoctorFinding } from '../../core/control.ts';
import { EXIT, type ExitCode } from '../failure.ts';
import { printable } from '../printable.ts';
import { type Session, writeJson } from '../session.ts';
import type { Terminal } from '../terminal.ts';
import { plural } from '../time-text.ts';
import type { Tone } from '../tone.ts';

const TONES: Readonly<Record<DoctorFinding['level'], Tone>> = {
  ok: 'good',
  info: 'notice',
  warn: 'warning',
  fail: 'bad',
};
const MARGIN = '      ';

/** `weft doctor`: exit 1 when a finding is a failure. */
export async function runDoctor(session: Session, options: { readonly json?: boolean }): Promise<ExitCode> {
  const { client, terminal } = session;
  const findings = await client.get<DoctorFinding[]>('/v1/doctor');
  if (options.json === true) writeJson(terminal, findings);
  else writeFindings(terminal, findings);
  return findings.some(({ level }) => level === 'fail') ? EXIT.failed : EXIT.fine;
}

function writeFindings(terminal: Terminal, findings: readonly DoctorFinding[]): void {
  for (const { id, level, title, detail, remedy } of findings) {
    const name = terminal.paint(`[${printable(id)}]`, 'faint');
    terminal.line(`${terminal.paint(level.padEnd(4), TONES[level])}  ${printable(title)} ${name}`);
    if (level === 'ok') continue;
    if (detail !== undefined) terminal.line(`${MARGIN}${terminal.paint(printable(detail), 'faint')}`);
    if (remedy !== undefined) terminal.line(`${MARGIN}→ ${printable(remedy)}`);
  }
  const count = (wanted: DoctorFinding['level']) => findings.filter(({ level }) => level === wanted).length;
  const parts = [
    plural(findings.length, 'check'),
    plural(count('warn'), 'warning'),
    plural(count('fail'), 'failure'),
  ];
  terminal.line('');
  terminal.line(parts.join(', '));
}
