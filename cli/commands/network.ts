import type { EndpointView, NetworkMemberView, NetworkView } from '../../core/control.ts';
import { type Fact, renderBlock } from '../block.ts';
import { EXIT, type ExitCode } from '../failure.ts';
import { shownId, writeList } from '../list-output.ts';
import { type ListOptions, type Session, writeJson } from '../session.ts';
import type { Cell, Column } from '../table.ts';
import { ago } from '../time-text.ts';
import type { Tone } from '../tone.ts';
import { endpointColumns } from './endpoint.ts';

const STATE_TONES: Readonly<Record<NetworkView['state'], Tone>> = {
  ready: 'good',
  pending: 'notice',
  degraded: 'bad',
  deleting: 'faint',
};

/** `weft network ls` */
export async function listNetworks(session: Session, options: ListOptions): Promise<ExitCode> {
  const rows = await session.client.get<NetworkView[]>('/v1/networks');
  writeList(session, options, { noun: 'network', columns: columns(session, options), rows });
  return EXIT.fine;
}

function columns({ terminal }: Session, options: ListOptions): Column<NetworkView>[] {
  return [
    { header: 'NETWORK ID', cell: ({ id }) => shownId(id, options) },
    { header: 'NAME', cell: ({ name }) => name ?? '', shrinks: true },
    { header: 'DRIVER', cell: ({ driver }) => driver },
    { header: 'VNI', cell: ({ cluster }) => numberText(cluster?.vni), align: 'right' },
    {
      header: 'SUBNETS',
      cell: ({ subnets }) => subnets.map(({ subnet }) => subnet).join(','),
      shrinks: true,
    },
    { header: 'BRIDGE', cell: ({ bridge }) => bridge ?? '' },
    { header: 'MTU', cell: ({ mtu }) => numberText(mtu), align: 'right' },
    { header: 'ENDPOINTS', cell: ({ endpoints }) => String(endpoints), align: 'right' },
    { header: 'STATE', cell: stateCell },
    { header: 'CREATED', cell: ({ createdAt }) => ago(createdAt, terminal.now()) },
  ];
}

function numberText(value: number | undefined): string {
  return value === undefined ? '' : String(value);
}

/** A network that the cluster does not have yet, or not like this, can be joined by no container. */
function stateCell({ state, cluster }: NetworkView): Cell {
  if (cluster?.state === 'refused') return { text: 'refused', tone: 'bad' };
  if (cluster?.state === 'waiting') return { text: 'waiting', tone: 'notice' };
  return { text: state, tone: STATE_TONES[state] };
}

/** `weft network inspect`: with --json the API's network; without, its endpoints too. */
export async function inspectNetwork(
  session: Session,
  ref: string,
  options: { readonly json?: boolean },
): Promise<ExitCode> {
  const { client, terminal } = session;
  const network = await client.get<NetworkView>(`/v1/networks/${encodeURIComponent(ref)}`);
  if (options.json === true) {
    writeJson(terminal, network);
    return EXIT.fine;
  }
  terminal.line(renderBlock(facts(network, terminal.now()), terminal.paint));
  const members = network.cluster?.members ?? [];
  if (members.length > 0) {
    terminal.line('');
    writeList(session, { trunc: true }, { noun: 'host', columns: MEMBER_COLUMNS, rows: members });
  }
  const endpoints = await client.get<EndpointView[]>(
    `/v1/endpoints?network=${encodeURIComponent(network.id)}`,
  );
  if (endpoints.length === 0) return EXIT.fine;
  const shown = { trunc: true };
  terminal.line('');
  writeList(session, shown, { noun: 'endpoint', columns: endpointColumns(session, shown), rows: endpoints });
  return EXIT.fine;
}

const MEMBER_COLUMNS: readonly Column<NetworkMemberView>[] = [
  { header: 'NODE', cell: ({ node, self }) => (self ? `${node} (this host)` : node) },
  {
    header: 'MEMBERSHIP',
    cell: ({ state }) => ({ text: state, tone: state === 'refused' ? 'bad' : 'plain' }),
  },
  { header: 'ENDPOINTS', cell: ({ endpoints }) => String(endpoints), align: 'right' },
  { header: 'REASON', cell: ({ reason }) => reason ?? '', shrinks: true },
];

function facts(network: NetworkView, now: number): Fact[] {
  const options = Object.entries(network.options).map(([key, value]): Fact => ['option', `${key}=${value}`]);
  const subnets = network.subnets.map(
    ({ subnet, gateway }): Fact => [
      'subnet',
      gateway === undefined ? subnet : `${subnet}, gateway ${gateway}`,
    ],
  );
  return [
    ['network', network.name ?? '(name not known)'],
    ['id', network.id],
    ['driver', network.driver],
    ['state', stateCell(network)],
    [
      'reason',
      network.cluster?.reason === undefined ? undefined : { text: network.cluster.reason, tone: 'bad' },
    ],
    ['cluster name', network.cluster?.name],
    ['vni', numberText(network.cluster?.vni)],
    ['internal', network.internal ? 'yes' : 'no'],
    ['bridge', network.bridge],
    ['mtu', numberText(network.mtu)],
    ...subnets,
    ...options,
    ['endpoints', String(network.endpoints)],
    ['created', ago(network.createdAt, now)],
  ];
}
