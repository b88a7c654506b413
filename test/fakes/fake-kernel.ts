import { cidrContains, type Ip } from '../../core/address.ts';
import { KernelError, NotFound } from '../../core/errors.ts';
import type { IfName, Mac, SandboxKey } from '../../core/ids.ts';
import {
  type HostState,
  type KernelObject,
  keyOf,
  type LanLink,
  type ObjectKey,
} from '../../core/kernel-objects.ts';
import type {
  AddressHolder,
  FlowFilter,
  HostLink,
  HostRoute,
  Kernel,
  KernelHint,
  SandboxPlumbing,
  Step,
} from '../../core/ports.ts';
import { type FakeLink, newLink } from './host-links.ts';
import { FakeHost } from './host-state.ts';

/** The kinds that are made before the others, as the kernel layer does. */
const FIRST: ReadonlySet<KernelObject['kind']> = new Set(['sysctl']);
const MOVED: ReadonlySet<KernelObject['kind']> = new Set(['neighbour', 'fdb']);

/**
 * A kernel that behaves: it keeps the rules the contract of the Kernel port names (test/contract/kernel.ts) and
 * forgets with the process. A call of `apply` takes effect as a whole or not at all.
 */
export class FakeKernel implements Kernel {
  /** Steps that took effect, in order. */
  readonly applied: Step[] = [];
  /** For each snapshot, the links it was limited to. */
  readonly snapshots: (ReadonlySet<string> | undefined)[] = [];
  readonly announced: { readonly dev: IfName; readonly ip: Ip; readonly mac: Mac }[] = [];
  readonly announcedInside: { readonly sandbox: SandboxKey; readonly ip: Ip }[] = [];
  readonly forgotten: FlowFilter[] = [];
  readonly replumbed: SandboxPlumbing[] = [];
  /** Sandboxes in which nobody lives any more. */
  readonly ended = new Set<SandboxKey>();
  /** Sandboxes that exist, for `replumb`. */
  readonly sandboxes = new Set<string>();
  /** Who has which address on the LAN behind each link, for `probe`. */
  readonly neighbours = new Map<Ip, AddressHolder>();
  /** What was probed, in order. */
  readonly probed: { readonly dev: IfName; readonly ip: Ip; readonly how?: 'briefly' }[] = [];
  readonly #pause: () => Promise<void>;
  readonly #watchers = new Set<(hint: KernelHint | undefined) => void>();
  #host = new FakeHost();
  #refuse: (step: Step) => boolean = () => false;
  #doomed = new Set<string>();

  /** @param pause is waited for at the beginning of each call, so that a test can interleave calls. */
  constructor(pause: () => Promise<void> = async () => undefined) {
    this.#pause = pause;
  }

  /** The `n`-th step from now, counted from 1, is refused with EPERM; none before or after it. */
  refuseNth(n: number): void {
    let left = n;
    this.refuse(() => --left === 0);
  }

  /** Steps for which `refuses` says so are refused with EPERM from now on. */
  refuse(refuses: (step: Step) => boolean): void {
    this.#refuse = refuses;
  }

  async snapshot(wanted: Iterable<KernelObject>, only?: ReadonlySet<string>): Promise<HostState> {
    const objects = [...wanted];
    this.snapshots.push(only);
    await this.#pause();
    return this.#host.snapshot(objects, only);
  }

  async apply(steps: readonly Step[]): Promise<void> {
    await this.#pause();
    for (const { op, object } of steps) {
      if (op !== 'delete' && object.kind === 'link') this.#discard(object.name);
    }
    const next = new FakeHost(this.#host);
    const ordered = [
      ...steps.filter(({ object }) => FIRST.has(object.kind)),
      ...steps.filter(({ object }) => !FIRST.has(object.kind)),
    ];
    const made = new Set(steps.flatMap(({ op, object }) => (op === 'delete' ? [] : [keyOf(object)])));
    for (const step of ordered) {
      // What one call deletes and makes is moved, in whatever order it says so.
      if (step.op === 'delete' && MOVED.has(step.object.kind) && made.has(keyOf(step.object))) continue;
      if (this.#refuse(step)) {
        const text = `${step.op} ${keyOf(step.object)}`;
        throw new KernelError(`${text}: refused by the test`, { errno: 'EPERM', step: text });
      }
      next.apply(step);
    }
    this.#host = next;
    this.applied.push(...ordered);
  }

  discardLinks(names: readonly IfName[]): void {
    for (const name of names) this.#doomed.add(name);
    setImmediate(() => {
      for (const name of names) this.#discard(name);
    });
  }

  async discarded(names?: readonly IfName[]): Promise<void> {
    for (const name of names ?? [...this.#doomed]) this.#discard(name);
  }

  async discardInside(link: LanLink): Promise<boolean> {
    if (link.sandbox === undefined || !this.ended.has(link.sandbox)) return false;
    this.removeLink(link.name);
    return true;
  }

  async *watch(signal: AbortSignal): AsyncIterable<KernelHint> {
    const queue: KernelHint[] = [];
    let wake = (): void => undefined;
    const push = (hint: KernelHint | undefined): void => {
      if (hint !== undefined) queue.push(hint);
      wake();
    };
    this.#watchers.add(push);
    signal.addEventListener('abort', () => push(undefined), { once: true });
    try {
      while (!signal.aborted) {
        const hint = queue.shift();
        if (hint !== undefined) yield hint;
        else {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      }
    } finally {
      this.#watchers.delete(push);
    }
  }

  /** Tells every watcher. */
  hint(hint: KernelHint): void {
    for (const push of this.#watchers) push(hint);
  }

  async links(): Promise<readonly HostLink[]> {
    await this.#pause();
    return this.#host.hostLinks();
  }

  async routes(): Promise<readonly HostRoute[]> {
    return this.#host.hostRoutes();
  }

  async pathMtus(to: readonly Ip[]): Promise<readonly (number | undefined)[]> {
    const mtus = new Map(this.#host.hostLinks().map(({ name, mtu }) => [name, mtu]));
    return to.map((ip) => {
      const route = this.#host.hostRoutes().find(({ destination }) => cidrContains(destination, ip));
      return route && mtus.get(route.dev ?? '');
    });
  }

  async forgetFlows(filters: readonly FlowFilter[]): Promise<number> {
    this.forgotten.push(...filters);
    return filters.length;
  }

  async replumb(plumbing: SandboxPlumbing): Promise<boolean> {
    await this.#pause();
    if (!this.sandboxes.has(plumbing.namespace)) return false;
    const next = new FakeHost(this.#host);
    const { link } = plumbing;
    if (link.type !== 'veth' && next.links.get(link.parent) === undefined) return false;
    next.apply({ op: 'create', object: link });
    this.#host = next;
    if (link.type === 'veth') this.movePeer(link.peerName);
    else this.moveLink(link.name);
    this.replumbed.push(plumbing);
    return true;
  }

  async announce(dev: IfName, ip: Ip, mac: Mac): Promise<void> {
    this.announced.push({ dev, ip, mac });
  }

  async announceInside(sandbox: SandboxKey, ip: Ip): Promise<boolean> {
    if (!this.sandboxes.has(sandbox)) return false;
    this.announcedInside.push({ sandbox, ip });
    return true;
  }

  async probe(dev: IfName, ip: Ip, how?: 'briefly'): Promise<AddressHolder | undefined> {
    this.probed.push({ dev, ip, ...(how === undefined ? {} : { how }) });
    await this.#pause();
    if (this.#host.links.get(dev) === undefined) throw new NotFound(`there is no link ${dev}`, { dev });
    return this.neighbours.get(ip);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.discarded();
  }

  /** Somebody else makes the steps so, without a record and without being refused. */
  tamper(steps: readonly Step[]): void {
    const next = new FakeHost(this.#host);
    for (const step of steps) next.apply(step);
    this.#host = next;
  }

  /** Somebody else changes a link, or makes it: a plain device unless `kind` says otherwise. */
  setLink(name: string, change: Partial<Omit<FakeLink, 'name'>>): void {
    const found = this.#host.links.get(name) ?? newLink(name, change.kind ?? '');
    this.#host.setLink({ ...found, ...change });
  }

  link(name: string): FakeLink | undefined {
    return this.#host.links.get(name);
  }

  removeLink(name: string): void {
    this.#host.removeLink(name);
  }

  /** Docker moves the container's end of a pair into a sandbox. */
  movePeer(name: string): void {
    const host = this.#host.links.get(this.#host.links.get(name)?.peer ?? '');
    this.#host.links.delete(name);
    if (host === undefined) return;
    const { peer: _moved, ...left } = host;
    this.#host.setLink(left);
  }

  /** Docker moves a link on a LAN into its sandbox. */
  moveLink(name: string): void {
    const link = this.#host.links.get(name);
    if (link !== undefined) this.#host.setLink({ ...link, away: true });
  }

  /** Everything in the kernel. */
  objects(): readonly KernelObject[] {
    return this.#host.objects();
  }

  /** Everything in the kernel, one object a line, sorted. */
  render(): string {
    return this.#host.objects().map(renderObject).sort().join('\n');
  }

  keys(): ReadonlySet<ObjectKey> {
    return new Set(this.#host.objects().map(keyOf));
  }

  #discard(name: string): void {
    if (this.#doomed.delete(name) && this.#host.links.get(name)?.away !== true) this.#host.removeLink(name);
  }
}

function renderObject(object: KernelObject): string {
  const fields = Object.entries(object).filter(([, value]) => typeof value !== 'object');
  const data = object.kind === 'element' ? ` = ${(object.data ?? []).join(' . ')}` : '';
  const rest = fields
    .filter(([name]) => name !== 'kind' && name !== 'name')
    .map(([name, value]) => `${name}=${value}`);
  return `${keyOf(object)} ${rest.join(' ')}${data}`;
}
