import type { DoctorFinding } from '../../core/control.ts';
import { type Check, orOk } from './check.ts';

const ID = 'store-records';

/** @param problems one sentence for each record that could not be read. */
export function judgeStoreRecords(problems: readonly string[]): readonly DoctorFinding[] {
  const findings = problems.map(
    (problem): DoctorFinding => ({
      id: ID,
      level: 'fail',
      title: 'A record of the store cannot be read and is left alone',
      detail: problem,
      remedy:
        'If a newer weft wrote it, start that again; else restore the state directory from a copy, or remove and create what the record names',
    }),
  );
  return orOk(findings, ID, 'Every record of the store can be read');
}

export const storeRecords: Check = {
  id: ID,
  subject: 'the records of the store',
  run: async ({ parts }) => judgeStoreRecords(parts.problems),
};
