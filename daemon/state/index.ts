/** Intent in memory and in the store, and the order of changes to it. Layer: daemon. */
export { type OwnerId, Repository } from './repository.ts';
