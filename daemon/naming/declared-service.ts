import { type Declared, mergeDeclarations } from '../../balancer/declare/index.ts';
import type { NameRecord, ServiceRecord } from '../../core/naming.ts';

/** The declarations among records of endpoints. */
export function declarationsIn(records: readonly NameRecord[]): readonly Declared[] {
  return records.flatMap(({ endpoint, declaredAt, service: declaration }) =>
    declaration === undefined ? [] : [{ endpoint, declaredAt, declaration }],
  );
}

/**
 * The record of a service as its endpoints declare it; its virtual IPs are not its affair. One made by hand stays as
 * it is.
 * @param before undefined: it is new.
 */
export function declaredService(
  before: ServiceRecord | undefined,
  said: {
    readonly network: string;
    readonly name: string;
    /** Those that declare this service, and no others. */
    readonly declared: readonly NameRecord[];
    /** Milliseconds since the epoch. */
    readonly now: number;
  },
): ServiceRecord {
  const { network, name, declared, now } = said;
  if (before?.origin === 'api') return before;
  const merged = mergeDeclarations(declarationsIn(declared));
  const old: ServiceRecord = before ?? { network, name, ports: [], origin: 'label', createdAt: now };
  if (merged === undefined) return { ...old, unusedSince: old.unusedSince ?? now };
  const { affinity: _affinity, unusedSince: _unusedSince, ...rest } = old;
  return { ...rest, ports: merged.ports, ...(merged.affinity && { affinity: merged.affinity }) };
}
