import type { SharedView, Store } from '../../core/ports.ts';
import { MirroredStore, prefixedStore, type StoreLog, sharedFromLocal } from '../../store/index.ts';

/** What names and services of networks of this host alone are kept under in its own store. */
const HOST_PREFIX = 'host/';

/**
 * The names and services of this host's own networks, with the keys that those of cluster networks have in the shared
 * store.
 * @param store this host's own; it stays open.
 * @throws {Unavailable} when it cannot be read.
 */
export async function openHostView(store: Store, log: StoreLog): Promise<SharedView & AsyncDisposable> {
  await using stack = new AsyncDisposableStack();
  const shared = stack.use(await sharedFromLocal(prefixedStore(store, HOST_PREFIX)));
  const mirror = stack.use(await MirroredStore.open({ shared, local: store, log }));
  await mirror.ready;
  const open = stack.move();
  return {
    get status() {
      return mirror.status;
    },
    get: (key) => mirror.get(key),
    entries: (prefix) => mirror.entries(prefix),
    subscribe: (listener) => mirror.subscribe(listener),
    commit: (txn) => mirror.commit(txn),
    lease: (seconds) => mirror.lease(seconds),
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}
