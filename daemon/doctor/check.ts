import type { DoctorFinding } from '../../core/control.ts';
import type { HostView } from './host-view.ts';

/** One question about the host. */
export interface Check {
  /** Id of its findings. */
  readonly id: string;
  /** What is looked at, as it completes "could not check …". */
  readonly subject: string;
  /**
   * Answers with findings, one of level `ok` when all is well; with none when the question does not arise.
   * Rejects when it cannot be answered.
   */
  run(host: HostView): Promise<readonly DoctorFinding[]>;
}

/** The findings, or when there are none that all is well. */
export function orOk(
  findings: readonly DoctorFinding[],
  id: string,
  title: string,
  detail?: string,
): readonly DoctorFinding[] {
  if (findings.length > 0) return findings;
  return [{ id, level: 'ok', title, ...(detail === undefined ? {} : { detail }) }];
}
