import { Type } from 'typebox';
import { count, resource, text, type View } from './schema.ts';

/** Part of GET /v1/status and GET /v1/nodes. */
export const StoreView = resource(
  'StoreView',
  'The store that the hosts of a cluster share, as this one sees it.',
  {
    kind: Type.Enum(['embedded', 'etcd'], {
      description: 'embedded: a cluster of one, in the state directory.',
    }),
    connected: Type.Boolean({
      description: 'It answers. While it does not, what is known of the cluster stands.',
    }),
    ageMs: Type.Number({ minimum: 0, description: 'Milliseconds since it was last heard.' }),
    revision: count('Revision that the local copy shows.'),
    lastError: Type.Optional(text('Why it was not reached last time.')),
  },
);
export type StoreView = View<typeof StoreView>;
