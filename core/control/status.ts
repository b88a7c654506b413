import { Type } from 'typebox';
import { DriftTotal } from './drift.ts';
import { count, list, resource, text, time, type View } from './schema.ts';
import { StoreView } from './store.ts';

/** GET /v1/status. */
export const Status = resource('Status', 'What this weftd is, what it depends on and how much it holds.', {
  version: text('Version of weftd.'),
  node: text("This host's name in the cluster."),
  startedAt: time('When this process started.'),
  uptimeSeconds: Type.Number({ minimum: 0, description: 'Seconds since then.' }),
  ready: Type.Boolean({ description: 'Every socket answers and the first reconciliation is done.' }),
  engine: Type.Object(
    {
      configured: Type.Boolean({ description: 'False with --docker none.' }),
      reachable: Type.Boolean({ description: 'The Docker Engine API answered last time.' }),
      version: Type.Optional(text('Engine version, while known.')),
    },
    { description: 'The Docker Engine API.' },
  ),
  store: StoreView,
  cluster: Type.Object(
    {
      state: Type.Enum(['ready', 'no-lease', 'fenced'], {
        description: 'This host in its cluster. fenced: it takes no part, see reason.',
      }),
      reason: Type.Optional(text('Why it is fenced.')),
      address: text('Underlay address: where tunnels to this host end.'),
      nodes: count('Hosts of the cluster, this one included.'),
    },
    { description: 'The cluster; of one host with the embedded store.' },
  ),
  resolver: Type.Object(
    {
      state: Type.Enum(['off', 'on', 'restarting'], {
        description:
          'The process that answers DNS in sandboxes. off: --resolver off. restarting: it is not there now.',
      }),
      sandboxes: count('Sandboxes it serves.'),
      restarts: count(
        'How often it, or the one that stands by for it, was started again since weftd started.',
      ),
      lastError: Type.Optional(text('Why it is not there, or why it was started again last time.')),
    },
    { description: 'The resolver.' },
  ),
  counts: Type.Object(
    {
      networks: count('Networks on this host.'),
      endpoints: count('Endpoints on this host.'),
      ports: count('Published ports, one for each address family.'),
      pools: count('IPAM pools in use.'),
      services: count('Services on the networks that this host knows.'),
    },
    { description: 'How much there is.' },
  ),
  lastReconcile: Type.Optional(
    Type.Object(
      {
        at: time('When it ended.'),
        durationMs: Type.Number({ minimum: 0, description: 'Milliseconds it took.' }),
        repairs: count('Kernel objects it repaired.'),
      },
      { description: 'The last whole comparison with the kernel. Absent before the first.' },
    ),
  ),
  drift: list(DriftTotal, 'Repairs since weftd started, by object kind and cause.'),
});
export type Status = View<typeof Status>;
