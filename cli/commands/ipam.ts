import type { IpamPoolDetail, IpamPoolView, LeaseView } from '../../core/control.ts';
import { renderBlock } from '../block.ts';
import { EXIT, type ExitCode } from '../failure.ts';
import { writeList } from '../list-output.ts';
import { type ListOptions, type Session, writeJson } from '../session.ts';
import type { Cell, Column } from '../table.ts';
import { ago, until } from '../time-text.ts';

/** Above this share of a pool in use, the number is shown as a warning. */
const NEARLY_FULL = 0.9;

/** `weft ipam ls` */
export async function listPools(session: Session, options: ListOptions): Promise<ExitCode> {
  const rows = await session.client.get<IpamPoolView[]>('/v1/ipam');
  writeList(session, options, { noun: 'pool', columns: POOL_COLUMNS, rows });
  return EXIT.fine;
}

const POOL_COLUMNS: readonly Column<IpamPoolView>[] = [
  { header: 'POOL', cell: ({ id }) => id },
  { header: 'RANGE', cell: ({ range }) => range ?? '' },
  { header: 'GATEWAY', cell: ({ gateway }) => gateway ?? '' },
  { header: 'USED', cell: ({ used }) => String(used), align: 'right' },
  { header: 'RESTING', cell: ({ resting }) => String(resting), align: 'right' },
  { header: 'USABLE', cell: ({ usable }) => countText(usable), align: 'right' },
  { header: 'USE', cell: useCell, align: 'right' },
];

/** Whole numbers up to a million; beyond, their size: `1.8e19`. */
function countText(count: number): string {
  return count <= 1_000_000 ? String(count) : count.toExponential(1).replace('+', '');
}

function useCell({ used, resting, conflicts, usable }: IpamPoolView): Cell {
  const share = usable === 0 ? 1 : (used + resting + conflicts) / usable;
  const percent = Math.min(100, share * 100);
  const text = percent > 0 && percent < 1 ? '<1%' : `${Math.floor(percent)}%`;
  return share >= NEARLY_FULL ? { text, tone: 'warning' } : text;
}

/** `weft ipam inspect`: the pool and every address of it that is not free. */
export async function inspectPool(
  session: Session,
  ref: string,
  options: { readonly json?: boolean },
): Promise<ExitCode> {
  const { client, terminal } = session;
  const pool = await client.get<IpamPoolDetail>(`/v1/ipam/${encodeURIComponent(ref)}`);
  if (options.json === true) {
    writeJson(terminal, pool);
    return EXIT.fine;
  }
  const block = renderBlock(
    [
      ['pool', pool.id],
      ['range', pool.range],
      ['gateway', pool.gateway],
      ['used', `${pool.used} of ${countText(pool.usable)}`],
      ['resting', String(pool.resting)],
      ['conflicts', pool.conflicts === 0 ? undefined : String(pool.conflicts)],
    ],
    terminal.paint,
  );
  terminal.line(block);
  if (pool.leases.length === 0) return EXIT.fine;
  terminal.line('');
  const columns = leaseColumns(terminal.now());
  writeList(session, { trunc: true }, { noun: 'address', columns, rows: pool.leases });
  return EXIT.fine;
}

function kindCell({ kind }: LeaseView): Cell {
  if (kind === 'conflict') return { text: kind, tone: 'warning' };
  return kind === 'resting' ? { text: kind, tone: 'faint' } : kind;
}

function leaseColumns(now: number): Column<LeaseView>[] {
  return [
    { header: 'ADDRESS', cell: ({ address }) => address },
    { header: 'KIND', cell: kindCell },
    { header: 'NAME', cell: ({ name }) => name ?? '', shrinks: true },
    { header: 'MAC', cell: ({ mac }) => mac ?? '' },
    { header: 'SINCE', cell: ({ since }) => (since === undefined ? '' : ago(since, now)) },
    {
      header: 'FREE',
      cell: ({ restingUntil }) => (restingUntil === undefined ? '' : until(restingUntil, now)),
    },
  ];
}
