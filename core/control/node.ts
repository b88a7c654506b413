import { Type } from 'typebox';
import { count, list, resource, text, time, type View } from './schema.ts';
import { StoreView } from './store.ts';

/** Part of GET /v1/nodes. */
export const NodeView = resource('NodeView', 'A host of the cluster.', {
  name: text('Its name in the cluster.'),
  id: text('Made once for each state directory.'),
  self: Type.Boolean({ description: 'It is this host.' }),
  address: text('Underlay address: its VTEP.'),
  vxlanPort: Type.Integer({ minimum: 1, maximum: 65535, description: 'UDP port of its tunnels.' }),
  state: Type.Enum(['ready', 'no-lease', 'dead', 'fenced'], {
    description:
      'ready: its weftd holds its lease. no-lease: it does not, and the host is not known to be dead. dead: its address ' +
      'does not answer either, and its endpoints are withdrawn. fenced: this host, kept out of the cluster.',
  }),
  reason: Type.Optional(text('Why it is fenced.')),
  version: Type.Optional(text('Version of its weftd, while it holds its lease.')),
  since: Type.Optional(time('When its weftd started, while it holds its lease.')),
  joinedAt: Type.Optional(time('When it joined the cluster.')),
  networks: count("The cluster's networks that it has."),
  refused: count('Those that it could not make.'),
  endpoints: count('Its endpoints on them.'),
});
export type NodeView = View<typeof NodeView>;

/** GET /v1/nodes. */
export const NodeList = resource(
  'NodeList',
  'The hosts of the cluster, and how old what is known of them is.',
  {
    nodes: list(NodeView, 'By name.'),
    store: StoreView,
  },
);
export type NodeList = View<typeof NodeList>;

/** DELETE /v1/nodes/{name}. */
export const NodeRemoval = resource('NodeRemoval', 'A host was removed, and what it had in the cluster.', {
  name: text('Its name.'),
  networks: count('Networks it had joined or could not join.'),
  endpoints: count('Endpoints withdrawn.'),
  blocks: count('Address blocks freed.'),
  addresses: count("Single addresses of other hosts' blocks freed."),
});
export type NodeRemoval = View<typeof NodeRemoval>;
