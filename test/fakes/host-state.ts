import { subnetOf } from '../../core/address.ts';
import { Internal } from '../../core/errors.ts';
import type { IfName } from '../../core/ids.ts';
import {
  type ElementObject,
  type FdbObject,
  type HostState,
  hostState,
  type KernelObject,
  keyOf,
  type LinkObject,
  type ObjectKey,
  type ShortcutObject,
  type SysctlObject,
  type TableObject,
} from '../../core/kernel-objects.ts';
import type { NftSet } from '../../core/nft.ts';
import type { HostLink, HostRoute, Step } from '../../core/ports.ts';
import {
  createLink,
  deleteLink,
  type FakeLink,
  type FakeLinks,
  isOwned,
  isRemade,
  linkObjectOf,
  refusal,
  replaceLink,
} from './host-links.ts';

type OnLink = Exclude<Extract<KernelObject, { readonly dev: IfName }>, ShortcutObject>;

/** The state of a kernel in a test, and what each step makes of it: dependants go with what they depend on. */
export class FakeHost {
  readonly links: FakeLinks;
  readonly #onLinks: Map<ObjectKey, OnLink>;
  readonly #sysctls: Map<string, string>;
  readonly #tables: Map<ObjectKey, TableObject>;
  readonly #elements: Map<ObjectKey, ElementObject>;
  readonly #shortcuts: Map<ObjectKey, ShortcutObject>;

  constructor(from?: FakeHost) {
    this.links = new Map(from?.links);
    this.#onLinks = new Map(from === undefined ? [] : from.#onLinks);
    this.#sysctls = new Map(
      from === undefined
        ? [
            ['net/ipv4/ip_forward', '0'],
            ['net/ipv6/conf/all/forwarding', '0'],
          ]
        : from.#sysctls,
    );
    this.#tables = new Map(from === undefined ? [] : from.#tables);
    this.#elements = new Map(from === undefined ? [] : from.#elements);
    this.#shortcuts = new Map(from === undefined ? [] : from.#shortcuts);
  }

  /** @throws {KernelError} as the kernel would; the state is of no use then. */
  apply(step: Step): void {
    const { op, object } = step;
    switch (object.kind) {
      case 'link':
        this.#link(step, object);
        break;
      case 'address':
      case 'neighbour':
      case 'fdb':
      case 'route':
        this.#onLink(op, object);
        break;
      case 'sysctl':
        this.#sysctl(op, object);
        break;
      case 'table':
        this.#table(op, object);
        break;
      case 'element':
        this.#element(op, object);
        break;
      case 'shortcut':
        this.#shortcut(op, object);
        break;
    }
  }

  removeLink(name: string): void {
    const gone = deleteLink(this.links, name);
    for (const [key, object] of this.#onLinks) if (gone.includes(object.dev)) this.#onLinks.delete(key);
    for (const [key, { dev }] of this.#shortcuts) if (gone.includes(dev)) this.#shortcuts.delete(key);
    // The kernel keeps the index of what is gone.
    for (const [key, element] of this.#elements) {
      const isStale = element.family === 'netdev' && gone.includes(element.data?.[0] ?? '');
      if (isStale) this.#elements.set(key, { ...element, data: ['0'] });
    }
  }

  setLink(link: FakeLink): void {
    this.links.set(link.name, link);
  }

  /** Everything there is, as objects; what a host end does not show is taken from `wanted`. */
  objects(wanted: HostState = new Map()): readonly KernelObject[] {
    return [
      ...[...this.links.values()].map((link) => linkObjectOf(link, this.#wantedLink(wanted, link.name))),
      ...this.#onLinks.values(),
      ...[...this.#sysctls].map(([path, value]): KernelObject => ({ kind: 'sysctl', path, value })),
      ...[...this.#tables.values()].map(({ table: _content, ...shown }) => shown),
      ...this.#elements.values(),
      ...this.#shortcuts.values(),
    ];
  }

  /** What is weft's or wanted; with `only`, of these links alone. */
  snapshot(objects: Iterable<KernelObject>, only?: ReadonlySet<string>): HostState {
    const wanted = hostState(objects);
    const shown = this.objects(wanted).filter((object) => {
      if (only !== undefined && !only.has(deviceOf(object) ?? '')) return false;
      return wanted.has(keyOf(object)) || this.#isOurs(object, wanted);
    });
    return hostState(shown);
  }

  hostLinks(): readonly HostLink[] {
    const here = [...this.links.values()].filter(({ away }) => away !== true);
    return here.map(({ name, kind, mtu, alias, child, master }) => ({
      name,
      type: kind,
      mtu,
      ...(alias === '' ? {} : { alias }),
      ...(master === '' ? {} : { master }),
      ...(child === undefined ? {} : { parent: child.parent }),
    }));
  }

  hostRoutes(): readonly HostRoute[] {
    return [...this.#onLinks.values()].flatMap((object): readonly HostRoute[] => {
      if (object.kind === 'route') return [{ destination: object.destination, dev: object.dev }];
      return object.kind === 'address' ? [{ destination: subnetOf(object.address), dev: object.dev }] : [];
    });
  }

  #wantedLink(wanted: HostState, name: string): LinkObject | undefined {
    const object = wanted.get(`link ${name}`);
    return object?.kind === 'link' ? object : undefined;
  }

  #isOurs(object: KernelObject, wanted: HostState): boolean {
    switch (object.kind) {
      case 'link':
        return object.type !== 'foreign' && this.#owns(object.name, wanted);
      case 'address':
        return this.#owns(object.dev, wanted) && !object.address.ip.startsWith('fe80:');
      case 'neighbour':
      case 'fdb':
        return this.#owns(object.dev, wanted);
      case 'route':
      case 'table':
      case 'element':
      case 'shortcut':
        return true;
      case 'sysctl':
        return false;
    }
  }

  #owns(name: string, wanted: HostState): boolean {
    const link = this.links.get(name);
    const object = this.#wantedLink(wanted, name);
    if (object?.type === 'bridge' && object.adopted === true) return false;
    return link !== undefined && isOwned(link);
  }

  #sysctl(op: Step['op'], { path, value }: SysctlObject): void {
    if (op === 'delete') return;
    if (!this.#sysctls.has(path)) throw refusal('ENOENT', `write sysctl ${path}`);
    this.#sysctls.set(path, value);
  }

  #link(step: Step, object: LinkObject): void {
    switch (step.op) {
      case 'create':
        createLink(this.links, object);
        break;
      case 'replace':
        if ((step.was as LinkObject).type === 'foreign' || isRemade(this.links.get(object.name), object)) {
          this.#dropOn(object.name);
        }
        replaceLink(this.links, object, step.was as LinkObject);
        break;
      case 'delete':
        if (object.type !== 'bridge' || object.adopted !== true) this.removeLink(object.name);
        break;
    }
  }

  #dropOn(dev: string): void {
    for (const [key, object] of this.#onLinks) if (object.dev === dev) this.#onLinks.delete(key);
  }

  #onLink(op: Step['op'], object: OnLink): void {
    const key = keyOf(object);
    if (op === 'delete') {
      this.#onLinks.delete(key);
      return;
    }
    if (!this.links.has(object.dev)) throw refusal('ENODEV', `create ${key}`);
    if (object.kind === 'fdb') this.#leaveOtherPlaces(object);
    this.#onLinks.set(key, object);
  }

  /** A MAC is behind one port of a bridge, and behind one VTEP of a VXLAN device unless it stands for everybody. */
  #leaveOtherPlaces({ dev, mac, destination }: FdbObject): void {
    if (mac === '00:00:00:00:00:00') return;
    const bridge = this.links.get(dev)?.master ?? '';
    for (const [key, other] of this.#onLinks) {
      if (other.kind !== 'fdb' || other.mac !== mac) continue;
      const isTunnel = destination !== undefined;
      if (isTunnel !== (other.destination !== undefined)) continue;
      const here = isTunnel ? other.dev === dev : this.links.get(other.dev)?.master === bridge;
      if (here) this.#onLinks.delete(key);
    }
  }

  /** Sets whose definition stays keep their elements. */
  #table(op: Step['op'], object: TableObject): void {
    const key = keyOf(object);
    const kept = op === 'delete' ? [] : sets(object);
    if (op !== 'delete' && object.table === undefined) {
      throw new Internal(`table ${object.family} ${object.name} has no content to make`);
    }
    const before = sets(this.#tables.get(key));
    for (const [elementKey, element] of this.#elements) {
      if (element.family !== object.family || element.table !== object.name) continue;
      const was = before.find(({ name }) => name === element.set);
      const now = kept.find(({ name }) => name === element.set);
      if (JSON.stringify(was) !== JSON.stringify(now)) this.#elements.delete(elementKey);
    }
    if (op === 'delete') this.#tables.delete(key);
    else this.#tables.set(key, object);
  }

  #shortcut(op: Step['op'], object: ShortcutObject): void {
    const key = keyOf(object);
    if (op === 'delete') {
      this.#shortcuts.delete(key);
      return;
    }
    if (!this.links.has(object.dev)) throw refusal('ENOENT', `create ${key}`);
    this.#shortcuts.set(key, object);
  }

  #element(op: Step['op'], object: ElementObject): void {
    const key = keyOf(object);
    if (op === 'delete') {
      this.#elements.delete(key);
      return;
    }
    const table = this.#tables.get(
      keyOf({ kind: 'table', family: object.family, name: object.table, fingerprint: '' }),
    );
    if (!sets(table).some(({ name }) => name === object.set)) throw refusal('ENOENT', `create ${key}`);
    const found = this.#elements.get(key);
    const differs = found !== undefined && (found.data ?? []).join('\0') !== (object.data ?? []).join('\0');
    if (differs && op === 'create') throw refusal('EEXIST', `create ${key}`);
    this.#elements.set(key, object);
  }
}

function sets(object: TableObject | undefined): readonly NftSet[] {
  return object?.table?.sets ?? [];
}

function deviceOf(object: KernelObject): string | undefined {
  if (object.kind === 'link') return object.name;
  return 'dev' in object ? object.dev : undefined;
}
