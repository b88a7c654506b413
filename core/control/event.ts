import { Type } from 'typebox';
import { resource, text, time, type View } from './schema.ts';

/** A line of GET /v1/events. */
export const EventView = resource('EventView', 'Something that happened.', {
  id: Type.Integer({ minimum: 1, description: 'Rises by one; starts again with weftd.' }),
  time: time('When.'),
  kind: text('Dotted name, such as network.create. events.lost: this reader was too slow.'),
  network: Type.Optional(
    text('Network id; in what is about services the cluster-wide name, for an overlay network.'),
  ),
  endpoint: Type.Optional(text('Endpoint id.')),
  text: text('One sentence for a person.'),
  fields: Type.Record(Type.String(), Type.Union([Type.String(), Type.Number(), Type.Boolean()]), {
    description: 'Facts for a program.',
  }),
});
export type EventView = View<typeof EventView>;
