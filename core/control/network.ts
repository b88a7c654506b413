import { Type } from 'typebox';
import { count, list, resource, text, time, type View } from './schema.ts';

/** Part of a NetworkView. */
export const SubnetView = resource('SubnetView', 'One address range of a network.', {
  subnet: text('CIDR with host bits zero.'),
  gateway: Type.Optional(text('Address of the gateway, without prefix length.')),
});
export type SubnetView = View<typeof SubnetView>;

/** Part of a NetworkView. */
export const NetworkMemberView = resource('NetworkMemberView', 'A host and a network of the cluster.', {
  node: text('Name of the host.'),
  self: Type.Boolean({ description: 'It is this host.' }),
  state: Type.Enum(['joined', 'refused', 'left'], {
    description: 'refused: it could not make the network. left: it was removed there, while others use it.',
  }),
  reason: Type.Optional(text('Why it was refused.')),
  endpoints: count('Endpoints there, as the cluster knows them.'),
});
export type NetworkMemberView = View<typeof NetworkMemberView>;

/** Part of a NetworkView. */
export const ClusterNetworkView = resource(
  'ClusterNetworkView',
  'An overlay network as one of the cluster.',
  {
    state: Type.Enum(['bound', 'waiting', 'refused'], {
      description: 'waiting: its name is not known yet, or the store does not answer. refused: see reason.',
    }),
    reason: Type.Optional(text('Why the cluster refuses it.')),
    name: Type.Optional(text('Cluster-wide name, once bound.')),
    vni: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 16777215, description: 'VXLAN network identifier, once bound.' }),
    ),
    members: list(NetworkMemberView, 'By name.'),
  },
);
export type ClusterNetworkView = View<typeof ClusterNetworkView>;

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
  cluster: Type.Optional(ClusterNetworkView),
  createdAt: time('When weft first saw it.'),
});
export type NetworkView = View<typeof NetworkView>;
