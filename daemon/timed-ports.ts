import type { Kernel, Store } from '../core/ports.ts';

/** A store that reports how long each commit took, in seconds. */
export function timedStore(store: Store, observe: (seconds: number) => void): Store {
  return {
    list: (prefix) => store.list(prefix),
    watch: (prefix, after, signal) => store.watch(prefix, after, signal),
    commit: (txn) => timed(() => store.commit(txn), observe),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

/** A kernel that reports how long each set of changes took, in seconds. */
export function timedKernel(kernel: Kernel, observe: (seconds: number) => void): Kernel {
  return {
    snapshot: (wanted, only) => kernel.snapshot(wanted, only),
    apply: (steps) => timed(() => kernel.apply(steps), observe),
    discardLinks: (names) => kernel.discardLinks(names),
    discarded: (names) => kernel.discarded(names),
    discardInside: (link) => kernel.discardInside(link),
    watch: (signal) => kernel.watch(signal),
    links: () => kernel.links(),
    routes: () => kernel.routes(),
    pathMtus: (to) => kernel.pathMtus(to),
    forgetFlows: (filters) => kernel.forgetFlows(filters),
    replumb: (plumbing) => kernel.replumb(plumbing),
    announce: (dev, ip, mac, whose) => kernel.announce(dev, ip, mac, whose),
    announceInside: (sandbox, ip) => kernel.announceInside(sandbox, ip),
    probe: (dev, ip, how) => kernel.probe(dev, ip, how),
    [Symbol.asyncDispose]: () => kernel[Symbol.asyncDispose](),
  };
}

async function timed<Result>(
  task: () => Promise<Result>,
  observe: (seconds: number) => void,
): Promise<Result> {
  const started = performance.now();
  try {
    return await task();
  } finally {
    observe((performance.now() - started) / 1000);
  }
}
