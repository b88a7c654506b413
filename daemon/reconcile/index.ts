/** Start-up recovery and drift repair: the kernel compared with intent, and made to follow it. Layer: daemon. */
export { DesiredState } from './desired.ts';
export { DriftLog, type Repair } from './drift-log.ts';
export { hostPlan } from './host-plan.ts';
export { ReconcileLoop } from './loop.ts';
export { Reconciler } from './reconciler.ts';
export { withoutLocalnet } from './silent-drift.ts';
