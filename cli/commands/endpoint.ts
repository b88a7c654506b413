import type { BindingView, EndpointView } from '../../core/control.ts';
import { type Fact, renderBlock } from '../block.ts';
import { EXIT, type ExitCode } from '../failure.ts';
import { shownId, writeList } from '../list-output.ts';
import { type ListOptions, type Session, writeJson } from '../session.ts';
import type { Column } from '../table.ts';
import { ago } from '../time-text.ts';

/** Options of `weft endpoint ls`. */
export interface EndpointListOptions extends ListOptions {
  readonly network?: string;
  readonly all?: boolean;
}

/** `weft endpoint ls` */
export async function listEndpoints(session: Session, options: EndpointListOptions): Promise<ExitCode> {
  const query = new URLSearchParams();
  if (options.network !== undefined) query.set('network', options.network);
  if (options.all === true) query.set('all', 'true');
  const path = query.size === 0 ? '/v1/endpoints' : `/v1/endpoints?${query}`;
  const rows = await session.client.get<EndpointView[]>(path);
  const node: Column<EndpointView> = { header: 'NODE', cell: (row) => row.node ?? 'this host' };
  const columns = endpointColumns(session, options);
  writeList(session, options, {
    noun: 'endpoint',
    columns: options.all === true ? [...columns.slice(0, 3), node, ...columns.slice(3)] : columns,
    rows,
  });
  return EXIT.fine;
}

/** Columns of a list of endpoints. */
export function endpointColumns(
  { terminal }: Session,
  options: Pick<ListOptions, 'trunc'>,
): Column<EndpointView>[] {
  return [
    { header: 'ENDPOINT ID', cell: ({ id }) => shownId(id, options) },
    { header: 'NAME', cell: ({ name }) => name ?? '', shrinks: true },
    { header: 'NETWORK', cell: (row) => row.networkName ?? shownId(row.network, options), shrinks: true },
    { header: 'IPV4', cell: ({ ipv4 }) => ipv4 ?? '' },
    { header: 'IPV6', cell: ({ ipv6 }) => ipv6 ?? '', shrinks: true },
    { header: 'SERVICES', cell: ({ services }) => services?.join(',') ?? '', shrinks: true },
    { header: 'PORTS', cell: ({ ports }) => ports.map(bindingText).join(','), shrinks: true },
    { header: 'STATE', cell: ({ state }) => state },
    {
      header: 'CREATED',
      cell: ({ createdAt }) => (createdAt === undefined ? '' : ago(createdAt, terminal.now())),
    },
  ];
}

/** `0.0.0.0:8080->80/tcp`, as docker ps writes it. */
export function bindingText(binding: BindingView): string {
  const { hostIp, hostPort, containerPort, protocol } = binding;
  return `${hostIp.includes(':') ? `[${hostIp}]` : hostIp}:${hostPort}->${containerPort}/${protocol}`;
}

/** `weft endpoint inspect` */
export async function inspectEndpoint(
  { client, terminal }: Session,
  ref: string,
  options: { readonly json?: boolean },
): Promise<ExitCode> {
  const endpoint = await client.get<EndpointView>(`/v1/endpoints/${encodeURIComponent(ref)}`);
  if (options.json === true) writeJson(terminal, endpoint);
  else terminal.line(renderBlock(facts(endpoint, terminal.now()), terminal.paint));
  return EXIT.fine;
}

function servicesText({ services, backendState }: EndpointView): string | undefined {
  return services && `${services.join(', ')} (${backendState ?? 'state not known'})`;
}

function facts(endpoint: EndpointView, now: number): Fact[] {
  const { network, networkName } = endpoint;
  return [
    ['endpoint', endpoint.name ?? '(container name not known)'],
    ['id', endpoint.id],
    ['network', networkName === undefined ? network : `${networkName} (${network})`],
    ['node', endpoint.node],
    ['state', endpoint.state],
    ['names', endpoint.names?.join(', ')],
    ['service', servicesText(endpoint)],
    ['ipv4', endpoint.ipv4],
    ['ipv6', endpoint.ipv6],
    ['mac', endpoint.mac],
    ['link', endpoint.link],
    ['sandbox', endpoint.sandbox],
    ...endpoint.ports.map((port): Fact => ['port', bindingText(port)]),
    ['created', endpoint.createdAt === undefined ? undefined : ago(endpoint.createdAt, now)],
  ];
}
