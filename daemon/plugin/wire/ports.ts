import Type from 'typebox';
import { parseIp } from '../../../core/address.ts';
import { InvalidArgument } from '../../../core/errors.ts';
import { quote } from '../../../core/ids.ts';
import type { ExposedPort, PortMapping } from '../../../core/model.ts';
import type { Protocol } from '../../../core/ports.ts';
import type { ExternalPorts } from '../backend.ts';
import { EXPOSED_PORTS, PORT_MAP } from './labels.ts';
import { keyOf, type StructDecoder, structDecoder } from './struct.ts';

/** IANA protocol numbers, as libnetwork types.Protocol marshals them. */
const PROTOCOLS: ReadonlyMap<number, Protocol> = new Map([
  [6, 'tcp'],
  [17, 'udp'],
  [132, 'sctp'],
]);

const Port = Type.Integer({ minimum: 1, maximum: 65_535 });
const HostPort = Type.Integer({ minimum: 0, maximum: 65_535 });

const exposedPort = structDecoder(Type.Object({ Proto: Type.Integer(), Port }));

/** libnetwork types.PortBinding. `IP` is the container's address, always empty on the wire. */
const portBinding = structDecoder(
  Type.Object({
    Proto: Type.Integer(),
    Port,
    HostIP: Type.Optional(Type.String()),
    HostPort: Type.Optional(HostPort),
    HostPortEnd: Type.Optional(HostPort),
  }),
);

/**
 * The published and exposed ports of an `Options` object; empty lists where a key is missing.
 * @param options the decoded JSON object, every other key ignored.
 * @param field name of the object in messages.
 * @throws {InvalidArgument} naming the element, its value and what is accepted.
 */
export function decodePorts(
  options: Readonly<Record<string, unknown>> | undefined,
  field: string,
): ExternalPorts {
  return {
    mappings: decodeList(options?.[PORT_MAP], keyOf(field, PORT_MAP), decodeMapping),
    exposed: decodeList(options?.[EXPOSED_PORTS], keyOf(field, EXPOSED_PORTS), decodeExposed),
  };
}

function decodeList<T>(value: unknown, field: string, decode: StructDecoder<T>): readonly T[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) {
    throw new InvalidArgument(`${field} ${quote(value)} must be an array of ports`, { field });
  }
  return value.map((item, i) => decode(item, `${field}[${i}]`));
}

function decodeExposed(value: unknown, field: string): ExposedPort {
  const wire = exposedPort(value, field);
  return { protocol: protocolOf(wire.Proto, field), port: wire.Port };
}

function decodeMapping(value: unknown, field: string): PortMapping {
  const wire = portBinding(value, field);
  const hostPort = wire.HostPort ?? 0;
  const hostPortEnd = wire.HostPortEnd || hostPort;
  if (hostPortEnd < hostPort || (hostPort === 0 && hostPortEnd !== 0)) {
    throw new InvalidArgument(
      `${field}.HostPortEnd ${hostPortEnd} must not be less than HostPort ${hostPort}, nor end a range from 0`,
      { field: `${field}.HostPortEnd` },
    );
  }
  return {
    protocol: protocolOf(wire.Proto, field),
    containerPort: wire.Port,
    ...(wire.HostIP ? { hostIp: parseIp(wire.HostIP, `${field}.HostIP`) } : {}),
    hostPort,
    hostPortEnd,
  };
}

function protocolOf(number: number, field: string): Protocol {
  const protocol = PROTOCOLS.get(number);
  if (protocol === undefined) {
    throw new InvalidArgument(`${field}.Proto ${number} must be 6 (tcp), 17 (udp) or 132 (sctp)`, {
      field: `${field}.Proto`,
    });
  }
  return protocol;
}
