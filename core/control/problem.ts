import { Type } from 'typebox';
import { resource, text, type View } from './schema.ts';

/** The body of every answer that is not 200. */
export const Problem = resource('Problem', 'Why a request failed.', {
  code: text('Stable name: invalid_argument, not_found, already_exists, conflict, unavailable, internal, …'),
  message: text('What was being done, to what, and why it failed.'),
  context: Type.Record(Type.String(), Type.Union([Type.String(), Type.Number(), Type.Boolean()]), {
    description: 'Facts for a program; may be empty.',
  }),
});
export type Problem = View<typeof Problem>;
