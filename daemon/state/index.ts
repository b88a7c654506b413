/** Intent in memory and in the store, and the order of changes to it. Layer: daemon. */
export { KeyedMutex } from './keyed-mutex.ts';
export { type OwnerId, Repository } from './repository.ts';
