import type { FlowFilter } from '../../../core/ports.ts';

/** What one reading of entries is of: as a filter, and of every family and protocol where it names none. */
export type Reading = Partial<FlowFilter>;

/** From so many readings of one family on, one of all its entries is the cheaper way. */
const FEW = 4;
/** So many entries are read and compared sooner than the table is walked: 262,144 buckets, of whatever length, take 8 ms. */
const FEW_ENTRIES = 1000;

/**
 * The readings that find what the filters select, as few as may be: for each the kernel walks the table of the whole
 * machine. They may find more than the filters select, and the same twice.
 * @param entries how many there are to find them among.
 */
export function readingsFor(filters: readonly FlowFilter[], entries: number): readonly Reading[] {
  if (entries === 0) return [];
  const readings = [...Map.groupBy(filters, ({ family }) => family).values()].flatMap(readingsOfFamily);
  return readings.length > 1 && entries <= FEW_ENTRIES ? [{}] : readings;
}

function readingsOfFamily(filters: readonly FlowFilter[]): readonly Reading[] {
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
