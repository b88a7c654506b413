import { Type } from 'typebox';
import { count, list, resource, text, time, type View } from './schema.ts';

/** Part of GET /v1/drift and /v1/status; the labels of weft_drift_repairs_total. */
export const DriftTotal = resource('DriftTotal', 'Repairs of one object kind for one cause.', {
  object: text('Kernel object kind: link, address, route, neighbour, fdb, sysctl, table, element, …'),
  cause: text('Why it differed: missing, changed, foreign, …'),
  count: count('Repairs since weftd started.'),
});
export type DriftTotal = View<typeof DriftTotal>;

/** Part of GET /v1/drift. */
export const DriftView = resource(
  'DriftView',
  'One kernel object that differed from intent and was repaired.',
  {
    time: time('When it was repaired.'),
    object: text('Kernel object kind: link, address, route, neighbour, fdb, sysctl, table, element, …'),
    key: text('Which object, as weft names it: `link wb-…`.'),
    cause: text('Why it differed: missing, changed, foreign, …'),
    action: Type.Enum(['created', 'replaced', 'deleted'], { description: 'What the repair did.' }),
  },
);
export type DriftView = View<typeof DriftView>;

/** GET /v1/drift. */
export const DriftReport = resource('DriftReport', 'What reconciliation repaired.', {
  totals: list(DriftTotal, 'Since weftd started, by object kind and cause.'),
  repairs: list(DriftView, 'The most recent ones, newest first.'),
});
export type DriftReport = View<typeof DriftReport>;
