import { InvalidArgument } from '../../core/errors.ts';
import type { Protocol } from '../../core/ports.ts';
import type { ServicePort } from '../../core/service.ts';
import { notAccepted, portNumber } from './label-reader.ts';

const MOST_PORTS = 64;
const ENTRY = /^(\d+)(?::(\d+))?(?:\/(tcp|udp|sctp))?$/;

/**
 * `80`, `80:8080`, `53/udp`, `80:8080/tcp`, several by comma, blanks around them allowed; TCP where it does not say.
 * @returns by protocol and port.
 * @throws {InvalidArgument} naming the key, the entry and what is accepted.
 */
export function parseServicePorts(key: string, text: string): readonly ServicePort[] {
  const ports = text.split(',').map((entry) => parseEntry(key, entry.trim()));
  if (ports.length > MOST_PORTS) {
    throw new InvalidArgument(`${key} has ${ports.length} ports: expected at most ${MOST_PORTS}`, {
      field: key,
    });
  }
  const seen = new Set<string>();
  for (const { protocol, port } of ports) {
    const name = `${port}/${protocol}`;
    if (seen.has(name)) {
      throw new InvalidArgument(`${key} names ${name} twice: expected each port of a protocol once`, {
        field: key,
      });
    }
    seen.add(name);
  }
  return ports.sort((a, b) => (a.protocol < b.protocol ? -1 : a.protocol > b.protocol ? 1 : a.port - b.port));
}

function parseEntry(key: string, entry: string): ServicePort {
  const [, first = '', second, protocol = 'tcp'] = ENTRY.exec(entry) ?? [];
  const port = portNumber(first);
  const target = second === undefined ? port : portNumber(second);
  if (port === undefined || target === undefined) {
    throw notAccepted(key, entry, 'PORT or PORT:TARGET, 1–65535, perhaps with /tcp, /udp or /sctp');
  }
  return { protocol: protocol as Protocol, port, target };
}

/** The reverse of `parseServicePorts`; empty for no ports. */
export function formatServicePorts(ports: readonly ServicePort[]): string {
  return ports
    .map(({ protocol, port, target }) => `${port === target ? port : `${port}:${target}`}/${protocol}`)
    .join(',');
}
