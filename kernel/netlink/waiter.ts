import type { StepText } from './group.ts';
import type { NetlinkMessage } from './message.ts';

/** What came for a request. */
export interface Answer {
  readonly replies: readonly NetlinkMessage[];
  /** The kernel's list changed while it was dumped (NLM_F_DUMP_INTR). */
  readonly interrupted: boolean;
}

/** A request that waits for its own answer. */
export interface Waiter {
  readonly message: NetlinkMessage;
  readonly step: StepText;
  readonly replies: NetlinkMessage[];
  readonly each: ((reply: NetlinkMessage) => void) | undefined;
  interrupted: boolean;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
}
