import { Type } from 'typebox';
import { resource, text, type View } from './schema.ts';

/** Items of GET /v1/doctor. */
export const DoctorFinding = resource('DoctorFinding', 'The result of one check of the host.', {
  id: text('Stable name of the check, such as ip-forward.'),
  level: Type.Enum(['ok', 'info', 'warn', 'fail'], {
    description: 'warn: works, with a cost or a risk; fail: something weft needs is not so.',
  }),
  title: text('What was found, in one line.'),
  detail: Type.Optional(text('Evidence.')),
  remedy: Type.Optional(text('What to do about it.')),
});
export type DoctorFinding = View<typeof DoctorFinding>;
