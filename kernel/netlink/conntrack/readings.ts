import type { FlowFilter } from '../../../core/ports.ts';

/** What one reading of entries is of: as a filter, and of every protocol where it names none. */
export type Reading = Pick<FlowFilter, 'family'> & Partial<FlowFilter>;

/** From so many readings of one family on, one of all its entries is the cheaper way. */
const FEW = 4;

/**
 * The readings that find what filters of one family select, as few as may be: for each the kernel walks the table of
 * the whole machine. They may find more than the filters select, and the same twice.
 */
export function readingsFor(filters: readonly FlowFilter[]): readonly Reading[] {
  const readings = [...Map.groupBy(filters, togetherBy).values()].flatMap(common);
  return readings.length > FEW ? common(filters) : readings;
}

/** Alike for what one reading finds without finding much else, by what the kernel itself compares. */
function togetherBy(filter: FlowFilter): string {
  const { family, protocol, originalDestination: to, replySource: from, originalPort, replyPort } = filter;
  if (family === 6) return [protocol, originalPort, replyPort].join(' ');
  return to === undefined || from === undefined ? JSON.stringify(filter) : `${to} ${from}`;
}

/** What filters of one family have in common. */
function common([first, ...others]: readonly FlowFilter[]): readonly Reading[] {
  if (first === undefined) return [];
  const { family, ...fields } = first;
  const shared = Object.entries(fields).filter(([name, value]) =>
    others.every((other) => other[name as keyof FlowFilter] === value),
  );
  return [{ family, ...Object.fromEntries(shared) }];
}
