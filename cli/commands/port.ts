import type { PortView } from '../../core/control.ts';
import { EXIT, type ExitCode } from '../failure.ts';
import { shownId, writeList } from '../list-output.ts';
import type { ListOptions, Session } from '../session.ts';
import type { Column } from '../table.ts';

/** `weft port ls` */
export async function listPorts(session: Session, options: ListOptions): Promise<ExitCode> {
  const rows = await session.client.get<PortView[]>('/v1/ports');
  writeList(session, options, { noun: 'published port', columns: columns(options), rows });
  return EXIT.fine;
}

function columns(options: ListOptions): Column<PortView>[] {
  return [
    { header: 'HOST', cell: ({ hostIp, hostPort }) => socketText(hostIp, hostPort) },
    { header: 'PROTOCOL', cell: ({ protocol }) => protocol },
    { header: 'CONTAINER', cell: ({ containerIp, containerPort }) => socketText(containerIp, containerPort) },
    { header: 'NAME', cell: ({ endpointName }) => endpointName ?? '', shrinks: true },
    { header: 'ENDPOINT ID', cell: ({ endpoint }) => shownId(endpoint, options) },
    { header: 'NETWORK', cell: (row) => row.networkName ?? shownId(row.network, options), shrinks: true },
    { header: 'CHOSEN BY', cell: ({ ephemeral }) => (ephemeral ? 'weft' : 'user') },
  ];
}

function socketText(ip: string, port: number): string {
  return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`;
}
