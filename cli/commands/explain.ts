import type { ExplainStep, Explanation } from '../../core/control.ts';
import { EXIT, type ExitCode } from '../failure.ts';
import { printable } from '../printable.ts';
import { type Session, writeJson } from '../session.ts';
import type { Terminal } from '../terminal.ts';
import type { Tone } from '../tone.ts';

const MARKS: Readonly<Record<ExplainStep['state'], readonly [text: string, tone: Tone]>> = {
  ok: ['ok', 'good'],
  fail: ['FAIL', 'bad'],
  note: ['note', 'notice'],
};
const MARGIN = '      ';

/** `weft explain`: exit 1 when a step does not hold. */
export async function explainPath(
  { client, terminal }: Session,
  from: string,
  to: string,
  options: { readonly json?: boolean },
): Promise<ExitCode> {
  const explanation = await client.get<Explanation>(`/v1/explain?${new URLSearchParams({ from, to })}`);
  if (options.json === true) writeJson(terminal, explanation);
  else writeLadder(terminal, explanation);
  return explanation.holds ? EXIT.fine : EXIT.failed;
}

function writeLadder(terminal: Terminal, { from, to, port, steps }: Explanation): void {
  const end = port === undefined ? to : `${to}, port ${port}`;
  terminal.line(terminal.paint(`${printable(from)} → ${printable(end)}`, 'strong'));
  for (const step of steps) writeStep(terminal, step);
  terminal.line('');
  const first = steps.find(({ state }) => state === 'fail');
  terminal.line(
    first === undefined
      ? terminal.paint('every step holds', 'good')
      : terminal.paint(`the first that does not hold: ${printable(first.title)}`, 'bad'),
  );
}

/** What holds is one line and its evidence; what does not, both sides and what to do. */
function writeStep({ line, paint }: Terminal, { title, state, intent, found, remedy }: ExplainStep): void {
  const [mark, tone] = MARKS[state];
  line(`${paint(mark.padEnd(4), tone)}  ${printable(title)}`);
  const detail = (text: string) => line(`${MARGIN}${paint(printable(text), 'faint')}`);
  if (state !== 'fail') {
    if (found !== undefined) detail(found);
  } else {
    if (intent !== undefined) detail(`should be: ${intent}`);
    if (found !== undefined) detail(`is:        ${found}`);
  }
  if (state !== 'ok' && remedy !== undefined) line(`${MARGIN}→ ${printable(remedy)}`);
}
