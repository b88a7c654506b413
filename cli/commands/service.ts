import type { BackendView, ServiceDetail, ServicePortView, ServiceView } from '../../core/control.ts';
import { type Fact, renderBlock } from '../block.ts';
import { EXIT, type ExitCode } from '../failure.ts';
import { shownId, writeList } from '../list-output.ts';
import { findService } from '../service-place.ts';
import { type ListOptions, type Session, writeJson } from '../session.ts';
import type { Cell, Column } from '../table.ts';
import { ago, duration } from '../time-text.ts';
import type { Tone } from '../tone.ts';

export type { ServicePlace } from '../service-place.ts';

const STATE_TONES: Readonly<Record<BackendView['state'], Tone>> = {
  ready: 'good',
  starting: 'notice',
  draining: 'notice',
  failing: 'bad',
};
const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const;

/** Options of `weft service ls`. */
export interface ServiceListOptions extends ListOptions {
  readonly network?: string;
}

/** `weft service ls` */
export async function listServices(session: Session, options: ServiceListOptions): Promise<ExitCode> {
  const query = options.network === undefined ? '' : `?${new URLSearchParams({ network: options.network })}`;
  const rows = await session.client.get<ServiceView[]>(`/v1/services${query}`);
  writeList(session, options, { noun: 'service', columns: columns(options), rows });
  return EXIT.fine;
}

function columns(options: ListOptions): Column<ServiceView>[] {
  return [
    { header: 'SERVICE', cell: ({ name }) => name, shrinks: true },
    { header: 'NETWORK', cell: (row) => row.networkName ?? shownId(row.network, options), shrinks: true },
    { header: 'VIP', cell: vipText, shrinks: true },
    { header: 'PORTS', cell: ({ ports }) => portsText(ports), shrinks: true },
    { header: 'AFFINITY', cell: affinityText },
    { header: 'BACKENDS', cell: backendsCell, align: 'right' },
    { header: 'MADE BY', cell: ({ origin }) => (origin === 'label' ? 'labels' : 'hand') },
  ];
}

/** Addresses of a service, by comma; empty for none. */
export function vipText({ vip4, vip6 }: Pick<ServiceView, 'vip4' | 'vip6'>): string {
  return [vip4, vip6].filter((vip) => vip !== undefined).join(',');
}

function portsText(ports: readonly ServicePortView[]): string {
  if (ports.length === 0) return 'every';
  return ports
    .map(({ protocol, port, target }) => `${port === target ? port : `${port}:${target}`}/${protocol}`)
    .join(',');
}

function affinityText({ affinity, affinityTimeoutSeconds: seconds }: ServiceView): string {
  return seconds === undefined ? affinity : `${affinity}, ${duration(seconds)}`;
}

function backendsCell({ readyCount, backendCount }: ServiceView): Cell {
  const text = `${readyCount} of ${backendCount}`;
  return { text, tone: readyCount > 0 ? 'plain' : 'bad' };
}

/** `weft service inspect` */
export async function inspectService(
  session: Session,
  name: string,
  options: { readonly network?: string; readonly json?: boolean },
): Promise<ExitCode> {
  const { client, terminal } = session;
  const service = await client.get<ServiceDetail>(await findService(client, name, options));
  if (options.json === true) {
    writeJson(terminal, service);
    return EXIT.fine;
  }
  terminal.line(renderBlock(facts(service, terminal.now()), terminal.paint));
  if (service.backends.length === 0) return EXIT.fine;
  terminal.line('');
  const rows = service.backends;
  writeList(session, { trunc: true }, { noun: 'backend', columns: BACKEND_COLUMNS, rows });
  return EXIT.fine;
}

const BACKEND_COLUMNS: readonly Column<BackendView>[] = [
  { header: 'BACKEND', cell: ({ name, endpoint }) => name ?? endpoint.slice(0, 12), shrinks: true },
  { header: 'NODE', cell: ({ node }) => node, shrinks: true },
  { header: 'IPV4', cell: ({ ipv4 }) => ipv4 ?? '' },
  { header: 'IPV6', cell: ({ ipv6 }) => ipv6 ?? '', shrinks: true },
  { header: 'STATE', cell: ({ state }) => ({ text: state, tone: STATE_TONES[state] }) },
  { header: 'WEIGHT', cell: ({ weight }) => String(weight), align: 'right' },
  { header: 'CONNECTIONS', cell: ({ connections }) => numberText(connections), align: 'right' },
  { header: 'PACKETS', cell: ({ packets }) => numberText(packets), align: 'right' },
  { header: 'TRAFFIC', cell: ({ bytes }) => bytesText(bytes), align: 'right' },
];

function facts(service: ServiceDetail, now: number): Fact[] {
  const { network, networkName } = service;
  const weights = Object.entries(service.weights).map(([name, weight]) => `${name}=${weight}`);
  return [
    ['service', service.name],
    ['network', networkName === undefined ? network : `${networkName} (${network})`],
    ['vip', vipText(service).replace(',', ', ')],
    ['ports', portsText(service.ports).replaceAll(',', ', ')],
    ['affinity', affinityText(service)],
    ['health', service.health],
    ['select', service.select],
    ['weights', weights.join(', ')],
    ['made by', service.origin === 'label' ? 'labels of its containers' : 'hand'],
    ['created', ago(service.createdAt, now)],
    ['unused', service.unusedSince === undefined ? undefined : `since ${ago(service.unusedSince, now)}`],
    ['backends', backendsCell(service)],
  ];
}

function numberText(value: number | undefined): string {
  return value === undefined ? '' : String(value);
}

/** `1.5 MB`, in powers of a thousand. */
function bytesText(bytes: number | undefined): string {
  if (bytes === undefined) return '';
  const power = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), UNITS.length - 1);
  const value = bytes / 1000 ** power;
  return `${power === 0 ? value : value.toFixed(1)} ${UNITS[power]}`;
}
