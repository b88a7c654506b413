import pino from 'pino';
import { keyOf } from '../../../core/kernel-objects.ts';
import type { Kernel, Step, Store, Txn } from '../../../core/ports.ts';
import { readInvocation } from '../../../daemon/config.ts';
import { startDaemon } from '../../../daemon/daemon.ts';
import { FaultPoints, STORED } from './fault-points.ts';

/*
 * The real weftd, which kills itself with SIGKILL at a chosen point: before or after any commit to the store, any
 * single step in the kernel, any deletion of links. See fault-points.ts for how a point is chosen. While points count,
 * the steps of one apply() are done one by one, so that the process can die between any two.
 */

const points = new FaultPoints();

function faultyStore(store: Store): Store {
  return {
    list: (prefix) => store.list(prefix),
    watch: (prefix, after, signal) => store.watch(prefix, after, signal),
    async commit(txn) {
      await points.delay();
      points.pass(`before ${describe(txn)}`);
      const revision = await store.commit(txn);
      points.pass(`${STORED}${describe(txn)}`);
      return revision;
    },
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

function describe({ put = [], delete: deleted = [] }: Txn): string {
  return [...put.map(({ key }) => `put ${key}`), ...deleted.map((key) => `delete ${key}`)].join(', ');
}

function faultyKernel(kernel: Kernel): Kernel {
  return {
    snapshot: (wanted, only) => kernel.snapshot(wanted, only),
    apply: (steps) => (points.armed ? oneByOne(kernel, steps) : kernel.apply(steps)),
    discardLinks(names) {
      if (names.length === 0) return;
      points.pass(`before discarding ${names.join(' ')}`);
      kernel.discardLinks(names);
      points.pass(`discarding ${names.join(' ')}`);
      if (points.armed) {
        void kernel.discarded(names).then(() => points.pass(`after discarding ${names.join(' ')}`));
      }
    },
    discarded: (names) => kernel.discarded(names),
    async discardInside(link) {
      points.pass(`before discarding ${link.name} inside`);
      const isDone = await kernel.discardInside(link);
      points.pass(`discarding ${link.name} inside`);
      return isDone;
    },
    watch: (signal) => kernel.watch(signal),
    links: () => kernel.links(),
    routes: () => kernel.routes(),
    pathMtus: (to) => kernel.pathMtus(to),
    async forgetFlows(filters) {
      points.pass('before forgetting flows');
      const count = await kernel.forgetFlows(filters);
      points.pass('after forgetting flows');
      return count;
    },
    async replumb(plumbing) {
      points.pass(`before replumbing ${plumbing.link.name}`);
      const isDone = await kernel.replumb(plumbing);
      points.pass(`after replumbing ${plumbing.link.name}`);
      return isDone;
    },
    announce: (dev, ip, mac, whose) => kernel.announce(dev, ip, mac, whose),
    announceInside: (sandbox, ip) => kernel.announceInside(sandbox, ip),
    // Some are made ahead of any call. Whoever dies in one dies before what it would have stored.
    probe: (dev, ip, how) => kernel.probe(dev, ip, how),
    [Symbol.asyncDispose]: () => kernel[Symbol.asyncDispose](),
  };
}

async function oneByOne(kernel: Kernel, steps: readonly Step[]): Promise<void> {
  for (const step of steps) {
    const name = `${step.op} ${keyOf(step.object)}`;
    points.pass(`before ${name}`);
    await kernel.apply([step]);
    points.pass(`after ${name}`);
  }
}

const invocation = readInvocation(process.argv.slice(2), process.env, 'faults');
if (invocation.action !== 'run') throw new Error('weftd-with-faults only runs');
const log = pino({ level: invocation.config.logLevel }, pino.destination({ fd: 2, sync: true }));
const daemon = await startDaemon(invocation.config, 'faults', log, {
  store: faultyStore,
  kernel: faultyKernel,
});
log.info({ sockets: daemon.sockets }, 'ready');
process.once('SIGTERM', () => void daemon[Symbol.asyncDispose]());
