import { Type } from 'typebox';
import { list, resource, text, type View } from './schema.ts';

/** Part of GET /v1/explain. */
export const ExplainStep = resource('ExplainStep', 'One step on the way of a packet.', {
  id: text('Stable name of the kind of step, such as bridge or vxlan-fdb.'),
  title: text('What must hold, in one line.'),
  state: Type.Enum(['ok', 'fail', 'note'], {
    description: 'note: cannot be seen from this host, or works at a cost; it is not counted as failed.',
  }),
  intent: Type.Optional(text('What should be, by what is stored.')),
  found: Type.Optional(text('What is: in the kernel, or in the cluster.')),
  remedy: Type.Optional(text('What to do about it.')),
});
export type ExplainStep = View<typeof ExplainStep>;

/** GET /v1/explain. */
export const Explanation = resource('Explanation', 'The way from one endpoint to another, step by step.', {
  from: text('The endpoint that sends.'),
  to: text('The endpoint that is sent to.'),
  port: Type.Optional(text('Port and protocol: 80/tcp.')),
  holds: Type.Boolean({ description: 'No step fails.' }),
  steps: list(ExplainStep, 'In the order in which a packet meets them.'),
});
export type Explanation = View<typeof Explanation>;
