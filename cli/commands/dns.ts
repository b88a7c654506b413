import type { DnsAnswer, DnsRecordView } from '../../core/control.ts';
import { EXIT, type ExitCode, Failure } from '../failure.ts';
import { shownId, writeList } from '../list-output.ts';
import { type Session, writeJson } from '../session.ts';
import type { Column } from '../table.ts';

/** Options of `weft dns query`. */
export interface DnsQueryOptions {
  readonly network?: string;
  readonly type?: string;
  readonly json?: boolean;
}

const COLUMNS: readonly Column<DnsRecordView>[] = [
  { header: 'NAME', cell: ({ name }) => name },
  { header: 'TTL', cell: ({ ttl }) => String(ttl), align: 'right' },
  { header: 'TYPE', cell: ({ type }) => type },
  { header: 'ANSWER', cell: ({ data }) => data },
  { header: 'NETWORK', cell: (row) => row.networkName ?? shownId(row.network, { trunc: true }) },
  { header: 'FROM', cell: ({ from }) => from },
];

/**
 * `weft dns query`: one answer a line. With --json, exit 1 when there is none.
 * @throws {Failure} exit 1 when there is none, saying whether the name is known.
 */
export async function queryName(session: Session, name: string, options: DnsQueryOptions): Promise<ExitCode> {
  const query = new URLSearchParams({ name });
  if (options.type !== undefined) query.set('type', options.type);
  if (options.network !== undefined) query.set('network', options.network);
  const answer = await session.client.get<DnsAnswer>(`/v1/dns?${query}`);
  const { records, known, types } = answer;
  if (options.json === true) {
    writeJson(session.terminal, answer);
    return records.length > 0 ? EXIT.fine : EXIT.failed;
  }
  if (records.length > 0) {
    writeList(session, { trunc: true }, { noun: 'answer', columns: COLUMNS, rows: records });
    return EXIT.fine;
  }
  const where = options.network === undefined ? 'on no network of weft' : `not on network ${options.network}`;
  throw known
    ? new Failure(EXIT.failed, `${JSON.stringify(name)} has no ${types.join(' or ')} record`)
    : new Failure(
        EXIT.failed,
        `${JSON.stringify(name)} is ${where} that this host knows`,
        'Containers are passed on to Docker and from there with names that weft does not know.',
      );
}
