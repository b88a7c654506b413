import type { StoreView } from '../core/control.ts';
import type { Cell } from './table.ts';
import { duration } from './time-text.ts';

/** The store and whether it answers: `etcd, not reachable for 2 minutes`. */
export function storeCell({ kind, connected, ageMs, lastError }: StoreView): Cell {
  if (kind === 'embedded') return kind;
  if (connected) return `${kind}, reachable`;
  const why = lastError === undefined ? '' : `: ${lastError}`;
  return { text: `${kind}, not reachable for ${duration(ageMs / 1000)}${why}`, tone: 'bad' };
}
