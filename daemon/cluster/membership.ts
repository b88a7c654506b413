import { randomUUID } from 'node:crypto';
import type { Ip } from '../../core/address.ts';
import { CLUSTER_KEYS, type MemberRecord } from '../../core/cluster.ts';
import { Conflict, errorMessage, Unavailable } from '../../core/errors.ts';
import type { Clock, Entry, Lease, SharedView, Txn } from '../../core/ports.ts';
import type { Log } from './log.ts';
import { decodeClusterRecord, encodeClusterRecord, keys, readClusterRecord } from './records.ts';

/** How long a host that has died is still thought to live, seconds. */
const LEASE_SECONDS = 8;
/** How often a removed host looks whether it may join again, milliseconds. */
const REJOIN_MS = 2000;
/** How soon a registration that failed is tried again, milliseconds. */
const AGAIN_MS = 1000;

/** Who this host is. */
export interface NodeIdentity {
  readonly id: string;
  readonly name: string;
  readonly address: Ip;
  readonly vxlanPort: number;
}

/** Why this host may not act in the cluster. */
export interface Fence {
  readonly reason: string;
}

export interface MembershipParts {
  readonly shared: SharedView;
  readonly node: NodeIdentity;
  readonly version: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Called when the host is fenced or, with undefined, no longer. */
  readonly fenced: (fence: Fence | undefined) => void;
  /** Whether no container of this host is on an overlay network, so that nothing here is in the others' way. */
  readonly isIdle: () => boolean;
  /** Makes a new identity and keeps it. */
  readonly renewId: () => Promise<string>;
}

/**
 * This host's place in the cluster: its name and underlay address, claimed once, and a lease that says that its weftd
 * lives. Two hosts that claim one name or one address are told apart by the ids in their state directories.
 */
export class Membership implements AsyncDisposable {
  readonly #parts: MembershipParts;
  readonly #instance = randomUUID();
  readonly #since: number;
  /** The identity in the state directory; another one after this host was removed and has joined again. */
  #id: string;
  readonly #subscription: Disposable;
  #lease: Lease | undefined;
  #fence: Fence | undefined;
  #registered = false;
  #running: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(parts: MembershipParts) {
    this.#parts = parts;
    this.#since = parts.clock.now();
    this.#id = parts.node.id;
    const mine = keys.alive(parts.node.name);
    this.#subscription = parts.shared.subscribe((events) => {
      const removed = keys.removed(this.#id);
      if (events.some(({ entry }) => entry.key === mine || entry.key === removed)) this.#look();
    });
  }

  get fence(): Fence | undefined {
    return this.#fence;
  }

  /** Whether the claim stands and the lease is held. */
  get registered(): boolean {
    return this.#registered;
  }

  /**
   * Claims name and address. Without a way to the store it goes on trying in the background.
   * @throws {Conflict} when another host has the name or the address.
   */
  async register(): Promise<void> {
    if (!this.#parts.shared.status.connected) {
      this.#parts.log.warn({}, 'the cluster cannot be reached; going on with what is known');
      this.#again();
      return;
    }
    try {
      await this.#register();
    } catch (error) {
      if (isRefusal(error)) throw error;
      if (!(error instanceof Unavailable || error instanceof Conflict)) throw error;
      this.#parts.log.warn(
        { error: error.message },
        'not registered in the cluster yet; going on with what is known',
      );
      this.#again();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#subscription[Symbol.dispose]();
    await this.#running?.catch(() => undefined);
    await this.#lease?.[Symbol.asyncDispose]();
  }

  async #register(): Promise<void> {
    const { shared, node, version, log } = this.#parts;
    if (shared.get(keys.removed(this.#id)) !== undefined) {
      this.#removed();
      return;
    }
    const claim = this.#claim();
    const lease = await shared.lease(LEASE_SECONDS);
    const alive = { id: this.#id, version, instance: this.#instance, since: this.#since };
    try {
      await shared.commit({
        ...claim,
        put: [
          ...(claim.put ?? []),
          { key: keys.alive(node.name), value: encodeClusterRecord('alive', alive), lease: lease.id },
        ],
      });
    } catch (error) {
      await lease[Symbol.asyncDispose]();
      throw error;
    }
    const before = this.#lease;
    this.#lease = lease;
    await before?.[Symbol.asyncDispose]();
    this.#registered = true;
    this.#setFence(undefined);
    lease.lost.addEventListener('abort', () => {
      if (this.#lease !== lease) return;
      this.#registered = false;
      log.warn({}, 'the lease of this node has ended; taking a new one');
      this.#again(0);
    });
    log.info({ address: node.address }, 'registered in the cluster');
  }

  /** @throws {Conflict} */
  #claim(): Txn {
    const { shared, node, clock } = this.#parts;
    const member = shared.get(keys.member(node.name));
    const known = member === undefined ? undefined : decodeClusterRecord('member', member);
    const address = shared.get(keys.address(node.address));
    this.#assertName(known);
    this.#assertAddress(address);
    const record: MemberRecord = { ...node, id: this.#id, joinedAt: known?.joinedAt ?? clock.now() };
    const moved = known !== undefined && known.address !== node.address ? [keys.address(known.address)] : [];
    return {
      expect: [
        { key: keys.member(node.name), revision: member?.revision ?? 0n },
        { key: keys.address(node.address), revision: address?.revision ?? 0n },
        { key: keys.removed(this.#id), revision: 0n },
      ],
      put: [
        { key: keys.member(node.name), value: encodeClusterRecord('member', record) },
        { key: keys.address(node.address), value: Buffer.from(node.name) },
      ],
      delete: moved,
    };
  }

  #assertName(known: MemberRecord | undefined): void {
    const { shared, node } = this.#parts;
    if (known === undefined || known.id === this.#id) return;
    const alive = shared.get(keys.alive(node.name)) !== undefined;
    throw new Conflict(
      `node name ${node.name} belongs to another host (${known.address}, ${alive ? 'alive' : 'not alive now'}): ` +
        `give this one its own with --node${alive ? '' : `, or run weft node rm ${node.name} elsewhere if that host is gone`}`,
      { field: 'node', node: node.name },
    );
  }

  #assertAddress(entry: Entry | undefined): void {
    const { node } = this.#parts;
    const holder = entry === undefined ? undefined : Buffer.from(entry.value).toString();
    if (holder === undefined || holder === node.name) return;
    throw new Conflict(
      `underlay address ${node.address} belongs to node ${holder}: give this host its own with --address, ` +
        `or run weft node rm ${holder} if that host is gone`,
      { field: 'address', node: holder },
    );
  }

  /** After a change of this node's own records by others. */
  #look(): void {
    const { shared, node } = this.#parts;
    if (shared.get(keys.removed(this.#id)) !== undefined) {
      this.#removed();
      return;
    }
    const alive = readClusterRecord('alive', shared.get(keys.alive(node.name)));
    if (!this.#registered) return;
    if (alive === undefined) {
      // The lease ended, or the store was restored from before it.
      this.#registered = false;
      this.#again(0);
    } else if (alive.instance !== this.#instance && alive.since > this.#since) {
      this.#registered = false;
      this.#setFence(
        `another weftd has started as node ${node.name} with a copy of this state directory: ` +
          'remove node-id there and restart it, then restart this one',
      );
    }
  }

  #removed(): void {
    this.#setFence(removedReason(this.#parts.node.name));
    if (this.#stopped || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#running = this.#rejoin();
    }, REJOIN_MS);
    this.#timer.unref();
  }

  /** Once nothing of the old membership is left here, this is a new host. */
  async #rejoin(): Promise<void> {
    if (this.#stopped) return;
    if (!this.#parts.isIdle()) {
      this.#removed();
      return;
    }
    this.#id = await this.#parts.renewId();
    this.#parts.log.info({ id: this.#id }, 'joining the cluster again as a new node');
    this.#setFence(undefined);
    await this.#retry();
  }

  #setFence(reason: string | undefined): void {
    if (this.#fence?.reason === reason) return;
    this.#fence = reason === undefined ? undefined : { reason };
    if (reason !== undefined) {
      this.#registered = false;
      this.#parts.log.error({ reason }, 'this node is fenced: it takes no part in the cluster');
    }
    this.#parts.fenced(this.#fence);
  }

  #again(inMs = AGAIN_MS): void {
    if (this.#stopped || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#running = this.#retry();
    }, inMs);
    this.#timer.unref();
  }

  async #retry(): Promise<void> {
    if (this.#fence !== undefined || this.#stopped) return;
    try {
      await this.#register();
    } catch (error) {
      if (isRefusal(error)) {
        this.#setFence(errorMessage(error));
        return;
      }
      this.#parts.log.debug({ error: errorMessage(error) }, 'not registered yet');
      this.#again();
    }
  }
}

/** Another host has the name or the address; any other conflict is a change in between, and tried again. */
function isRefusal(error: unknown): boolean {
  return error instanceof Conflict && error.context['node'] !== undefined;
}

function removedReason(name: string): string {
  return (
    `node ${name} was removed from the cluster (weft node rm) while it was away; its addresses may be in use elsewhere. ` +
    'It joins again under a new identity once no container of this host is on an overlay network'
  );
}

/** The members as the local copy shows them. */
export function members(shared: SharedView): readonly MemberRecord[] {
  return [...shared.entries(CLUSTER_KEYS.member)].flatMap(
    (entry) => readClusterRecord('member', entry) ?? [],
  );
}
