import { Type } from 'typebox';
import { resource, text, type View } from './schema.ts';

const port = (description: string) => Type.Integer({ minimum: 1, maximum: 65535, description });
const binding = {
  protocol: Type.Enum(['tcp', 'udp', 'sctp']),
  hostIp: text('Host address; 0.0.0.0 and :: are every address of their family.'),
  hostPort: port('Host port.'),
  containerIp: text('Address of the endpoint.'),
  containerPort: port('Port in the container.'),
};

/** Part of an EndpointView. */
export const BindingView = resource('BindingView', 'A published port as programmed.', binding);
export type BindingView = View<typeof BindingView>;

/** Items of GET /v1/ports. */
export const PortView = resource('PortView', 'A published port, the endpoint it leads to and its network.', {
  ...binding,
  ephemeral: Type.Boolean({ description: 'weft chose the host port; none was asked for.' }),
  endpoint: text('Endpoint id.'),
  endpointName: Type.Optional(text('Container name, once known.')),
  network: text('Network id.'),
  networkName: Type.Optional(text('Network name, once known.')),
});
export type PortView = View<typeof PortView>;
