import { LinkLayer, type LinkLog } from './links/index.ts';
import { LinuxKernel } from './linux-kernel.ts';
import { Conntrack } from './netlink/index.ts';
import { Nftables } from './nftables/index.ts';
import { Announcer, Prober } from './packet/index.ts';

/** Tables weft owns, in every family. */
const TABLES = ['weft'];

export interface OpenKernelOptions {
  /** Told of failures that nobody waits for. */
  readonly log: LinkLog;
  /** A network namespace file; absent: the process' own. */
  readonly namespace?: string;
}

/**
 * Opens every piece of the kernel weft works with.
 * @throws {KernelError} naming what is refused, such as netlink without CAP_NET_ADMIN.
 */
export async function openLinuxKernel(options: OpenKernelOptions): Promise<LinuxKernel> {
  const where = options.namespace === undefined ? {} : { namespace: options.namespace };
  await using stack = new AsyncDisposableStack();
  const links = stack.use(await LinkLayer.open({ ...where, log: options.log }));
  const nftables = stack.use(await Nftables.open({ ...where, tables: TABLES, links }));
  const hasShortcuts = await nftables.hasShortcuts();
  const conntrack = stack.use(Conntrack.open(where));
  const announcer = stack.use(new Announcer(options.namespace));
  const prober = stack.use(new Prober(options.namespace));
  stack.move();
  return new LinuxKernel({ links, nftables, conntrack, announcer, prober, hasShortcuts });
}

/** Deletes weft's tables with everything in them. */
export async function removeTables(namespace?: string): Promise<void> {
  await using nftables = await Nftables.open({
    ...(namespace === undefined ? {} : { namespace }),
    tables: TABLES,
  });
  await nftables.cleanup();
}
