import { readFile } from 'node:fs/promises';
import type { Ip } from '../core/address.ts';
import { errorMessage, KernelError, NotFound } from '../core/errors.ts';
import type { IfName, Mac, SandboxKey } from '../core/ids.ts';
import {
  type HostState,
  type KernelObject,
  keyOf,
  type LanLink,
  type ObjectKey,
} from '../core/kernel-objects.ts';
import type {
  AddressHolder,
  FlowFilter,
  HostLink,
  HostRoute,
  Kernel,
  KernelHint,
  SandboxPlumbing,
  Step,
} from '../core/ports.ts';
import { inSlices } from '../core/slices.ts';
import { type LinkLayer, sandboxLinkWith } from './links/index.ts';
import type { Conntrack } from './netlink/index.ts';
import type { Nftables } from './nftables/index.ts';
import { type Announcer, announceInside, type Prober } from './packet/index.ts';
import { readSysctls, writeSysctl } from './sysctl/index.ts';

/** The pieces of the kernel that LinuxKernel puts together. */
export interface KernelParts {
  readonly links: LinkLayer;
  readonly nftables: Nftables;
  readonly conntrack: Conntrack & AsyncDisposable;
  readonly announcer: Announcer;
  readonly prober: Prober;
  /** Without, frames take the way over the bridge; what shortcuts need is then neither made nor missed. */
  readonly hasShortcuts: boolean;
}

/** Which piece makes an object so. */
function pieceOf({ object }: Step): 'links' | 'nftables' | 'sysctl' {
  switch (object.kind) {
    case 'link':
    case 'address':
    case 'route':
    case 'neighbour':
    case 'fdb':
      return 'links';
    case 'table':
    case 'element':
    case 'shortcut':
      return 'nftables';
    case 'sysctl':
      return 'sysctl';
  }
}

/** The Kernel port on this host: rtnetlink for links, nfnetlink for rules and flows, /proc/sys for switches. */
export class LinuxKernel implements Kernel {
  readonly #parts: KernelParts;

  constructor(parts: KernelParts) {
    this.#parts = parts;
  }

  async snapshot(wanted: Iterable<KernelObject>, only?: ReadonlySet<string>): Promise<HostState> {
    const objects = [...wanted];
    if (only !== undefined) return stateOf(await this.#parts.links.snapshot(objects, only));
    const [links, nft, sysctls] = await Promise.all([
      this.#parts.links.snapshot(objects),
      this.#parts.nftables.snapshot(),
      sysctlSnapshot(objects),
    ]);
    const spared = this.#parts.hasShortcuts ? [] : objects.filter(isOfShortcuts);
    return stateOf([...links, ...nft, ...sysctls, ...spared]);
  }

  /**
   * Sysctls, then links, then rules. One after the other: nf_tables does not say which elements were there before,
   * so that rules could not be undone if a link were refused.
   */
  async apply(steps: readonly Step[]): Promise<void> {
    const switches: Step[] = [];
    const links: Step[] = [];
    const nftables: Step[] = [];
    const pieces = { sysctl: switches, links, nftables };
    for (const step of steps) pieces[pieceOf(step)].push(step);
    const rules = nftables.filter(({ object }) => this.#parts.hasShortcuts || !isOfShortcuts(object));
    await writeSysctls(switches);
    let changed: readonly Step[] = [];
    try {
      if (links.length > 0) changed = await this.#parts.links.apply(links);
      if (rules.length > 0) await this.#parts.nftables.apply(rules);
    } catch (error) {
      await this.#parts.links.undo(changed);
      await writeSysctls(reversed(switches));
      throw error;
    }
  }

  discardLinks(names: readonly IfName[]): void {
    this.#parts.links.discardLinks(names);
  }

  discarded(names?: readonly IfName[]): Promise<void> {
    return this.#parts.links.discarded(names);
  }

  discardInside(link: LanLink): Promise<boolean> {
    return this.#parts.links.discardInside(link);
  }

  async *watch(signal: AbortSignal): AsyncIterable<KernelHint> {
    const queue: KernelHint[] = [];
    let wake: (() => void) | undefined;
    const push = (hint: KernelHint): void => {
      queue.push(hint);
      wake?.();
    };
    using _links = this.#parts.links.watch(push);
    await using _rules = this.#parts.nftables.watch(() => push({ source: 'nft' }), ['DOCKER-USER']);
    signal.addEventListener('abort', () => wake?.(), { once: true });
    while (!signal.aborted) {
      const hint = queue.shift();
      if (hint !== undefined) yield hint;
      else {
        const { promise, resolve } = Promise.withResolvers<void>();
        wake = resolve;
        await promise;
      }
    }
  }

  links(): Promise<readonly HostLink[]> {
    return this.#parts.links.links();
  }

  routes(): Promise<readonly HostRoute[]> {
    return this.#parts.links.routes();
  }

  pathMtus(to: readonly Ip[]): Promise<readonly (number | undefined)[]> {
    return this.#parts.links.pathMtus(to);
  }

  forgetFlows(filters: readonly FlowFilter[]): Promise<number> {
    return this.#parts.conntrack.forget(filters);
  }

  replumb(plumbing: SandboxPlumbing): Promise<boolean> {
    return this.#parts.links.replumb(plumbing);
  }

  async announce(dev: IfName, ip: Ip, mac: Mac, whose?: 'remote'): Promise<void> {
    const index = await this.#parts.links.indexOf(dev);
    if (index === undefined) throw new NotFound(`announce ${ip}: there is no link ${dev}`, { dev });
    this.#parts.announcer.announce(index, ip, mac);
    if (whose === undefined) await this.#parts.links.correctNeighbour(index, ip, mac);
  }

  async announceInside(sandbox: SandboxKey, ip: Ip): Promise<boolean> {
    const link = await sandboxLinkWith(sandbox, ip);
    if (link === undefined) return false;
    announceInside(sandbox, link.ifindex, ip, link.mac);
    return true;
  }

  async probe(dev: IfName, ip: Ip, how?: 'briefly'): Promise<AddressHolder | undefined> {
    const { links, prober } = this.#parts;
    // The host does not answer itself.
    const [link, own] = await Promise.all([links.ethernet(dev), links.withAddress(ip)]);
    if (own !== undefined) return { mac: own.mac, dev: own.name };
    const mac = await prober.probe(link, ip, how);
    return mac === undefined ? undefined : { mac };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { links, nftables, conntrack, announcer, prober } = this.#parts;
    prober[Symbol.dispose]();
    await Promise.all([links, nftables, conntrack].map((part) => part[Symbol.asyncDispose]()));
    announcer[Symbol.dispose]();
  }
}

async function stateOf(objects: readonly KernelObject[]): Promise<HostState> {
  const state = new Map<ObjectKey, KernelObject>();
  await inSlices(objects, (object) => state.set(keyOf(object), object));
  return state;
}

function isOfShortcuts(object: KernelObject): boolean {
  return object.kind === 'shortcut' || ('family' in object && object.family === 'netdev');
}

/** Steps that undo steps, last first. */
function reversed(steps: readonly Step[]): readonly Step[] {
  return steps.toReversed().map((step): Step => {
    if (step.op === 'replace') return { op: 'replace', object: step.was, was: step.object };
    return { op: step.op === 'create' ? 'delete' : 'create', object: step.object };
  });
}

/** Writes all of them; when one is refused, those before it are as they were again. Deleting leaves the value. */
async function writeSysctls(steps: readonly Step[]): Promise<void> {
  for (const [at, { op, object }] of steps.entries()) {
    if (object.kind !== 'sysctl' || op === 'delete') continue;
    try {
      await writeSysctl(object.path, object.value);
    } catch (error) {
      await writeSysctls(reversed(steps.slice(0, at)));
      throw error;
    }
  }
}

async function sysctlSnapshot(wanted: readonly KernelObject[]): Promise<readonly KernelObject[]> {
  const paths = wanted.flatMap((object) => (object.kind === 'sysctl' ? [object.path] : []));
  const values = await readSysctls(paths);
  return paths.flatMap((path): readonly KernelObject[] => {
    const value = values.get(path);
    return value === undefined ? [] : [{ kind: 'sysctl', path, value }];
  });
}

/**
 * Whether IPv6 is compiled in and switched on at boot; without it there is no /proc/sys/net/ipv6.
 * @throws {KernelError} when /proc cannot be read at all.
 */
export async function hasIpv6(): Promise<boolean> {
  try {
    await readFile('/proc/sys/net/ipv6/conf/all/forwarding');
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw new KernelError(`read net/ipv6: ${errorMessage(error)}`, { errno: 'EIO' }, { cause: error });
  }
}
