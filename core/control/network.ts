import { Type } from 'typebox';
import { count, list, resource, text, time, type View } from './schema.ts';

/** Part of a NetworkView. */
export const SubnetView = resource('SubnetView', 'One address range of a network.', {
  subnet: text('CIDR with host bits zero.'),
  gateway: Type.Optional(text('Address of the gateway, without prefix length.')),
});
export type SubnetView = View<typeof SubnetView>;

/** GET /v1/networks/{ref} and items of GET /v1/networks. */
export const NetworkView = resource('NetworkView', 'A network on this host.', {
  id: text("Docker's network id."),
  name: Type.Optional(text('Its name in Docker, once known: Docker does not tell it to plugins.')),
  driver: text('Driver name, such as weft-bridge.'),
  bridge: Type.Optional(text('Host-side bridge. Absent for drivers without one.')),
  subnets: list(SubnetView, 'IPv4 first.'),
  mtu: Type.Optional(Type.Integer({ minimum: 68, description: 'Bytes. Absent: what the kernel gives.' })),
  options: Type.Record(Type.String(), Type.String(), { description: 'Driver options as given.' }),
  internal: Type.Boolean({ description: 'No way out and no published ports.' }),
  endpoints: count('Endpoints on this host.'),
  state: Type.Enum(['ready', 'pending', 'degraded', 'deleting'], {
    description: 'degraded: the kernel does not hold all of it and the last repair failed.',
  }),
  createdAt: time('When weft first saw it.'),
});
export type NetworkView = View<typeof NetworkView>;
