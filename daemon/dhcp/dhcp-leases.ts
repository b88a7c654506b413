import type { Ip } from '../../core/address.ts';
import { Conflict, DecodeError, errorMessage } from '../../core/errors.ts';
import type { IfName, Mac, PoolId } from '../../core/ids.ts';
import type { Store } from '../../core/ports.ts';
import { type DhcpLease, newClient, resumedClient } from '../../ipam/dhcp/index.ts';
import type { ClusterClock } from '../../ipam/index.ts';
import { type ProbeAddress, waitForLease } from './acquisition.ts';
import { DhcpChannel, type DhcpLog } from './channel.ts';
import {
  DHCP_PREFIX,
  type DhcpAsk,
  type DhcpRecord,
  decodeDhcpRecord,
  dhcpKey,
  encodeDhcpRecord,
  identityOf,
  identityOfAsk,
  recordOf,
  unknownLease,
} from './records.ts';
import { chance, type LeaseNews, RunningClient } from './running-client.ts';

/** Something that happened to a lease, for `weft events`. */
export interface DhcpEvent {
  readonly kind: 'dhcp.lease' | 'dhcp.lost' | 'dhcp.regained' | 'dhcp.conflict' | 'dhcp.release';
  readonly text: string;
  readonly fields: Readonly<Record<string, string | number>>;
}

export interface DhcpOptions {
  readonly store: Store;
  readonly clock: ClusterClock;
  readonly log: DhcpLog;
  readonly announce: (event: DhcpEvent) => void;
  /** Whether somebody else has an address; absent: it is not asked. */
  readonly probe?: ProbeAddress;
}

/** A lease and the client that keeps it. */
interface Kept {
  record: DhcpRecord;
  readonly running: RunningClient;
}

/**
 * The leases that containers have of DHCP servers on the LAN: got before Docker is answered, renewed for as long as the
 * address is held, given back when it is released. They are in the store, so that a restart of weftd goes on where it
 * was. An address that is lost is said loudly and asked for again without end, and the container keeps it meanwhile:
 * Docker cannot give a running container another one.
 */
export class DhcpLeases implements Disposable {
  readonly #options: DhcpOptions;
  readonly #channel: DhcpChannel;
  readonly #kept = new Map<string, Kept>();
  readonly #running = new Set<RunningClient>();
  /** Stored records that could not be read, one sentence each; they are left alone. */
  readonly problems: string[] = [];

  private constructor(options: DhcpOptions) {
    this.#options = options;
    const of = (device: IfName) => [...this.#running].filter((running) => running.device === device);
    this.#channel = new DhcpChannel(
      {
        heard: (device, message, from) => {
          for (const running of of(device)) if (running.mac === message.chaddr) running.heard(message, from);
        },
        awaits: (device) => of(device).some(({ awaits }) => awaits),
      },
      options.log,
    );
  }

  /** Reads the stored leases and goes on keeping them. */
  static async load(options: DhcpOptions): Promise<DhcpLeases> {
    const leases = new DhcpLeases(options);
    for (const { key, value } of (await options.store.list(DHCP_PREFIX)).entries) {
      try {
        leases.#resume(decodeDhcpRecord(key, value));
      } catch (error) {
        if (!(error instanceof DecodeError)) throw error;
        leases.problems.push(error.message);
      }
    }
    return leases;
  }

  /** The leases there are, in no order. */
  list(): readonly DhcpRecord[] {
    return [...this.#kept.values()].map(({ record }) => record);
  }

  /** Whether a client of the device has this MAC or this id already, so that a second one would take its lease. */
  isTaken({ device, mac, clientId }: Pick<DhcpAsk, 'device' | 'mac' | 'clientId'>): boolean {
    const same = (one: Uint8Array) => Buffer.from(one).equals(clientId);
    return [...this.#running].some(
      (running) =>
        running.device === device && (running.mac === mac || same(running.client.identity.clientId)),
    );
  }

  /**
   * An address from the LAN's DHCP server, kept from now on and durable.
   * @throws {Conflict} when servers answer, but with nothing that can be used: another subnet, not the address wanted,
   * one that is in use. {Unavailable} when none answers within 10 s.
   */
  async acquire(ask: DhcpAsk): Promise<DhcpLease> {
    const { clock, log, store } = this.#options;
    const { pool, device, mac, wanted } = ask;
    if (this.isTaken(ask))
      throw new Conflict(`MAC address ${mac} has a lease on ${device} already`, { device, mac });
    const terms = { subnet: pool.subnet, ...(wanted === undefined ? {} : { wanted }) };
    const running = this.#run(device, {
      client: newClient(identityOfAsk(ask), terms, clock.now()),
      actions: [],
    });
    try {
      const declined = (lease: DhcpLease, user: string) => this.#declined(device, lease, user);
      const probe = async (ip: Ip) => this.#options.probe?.(device, ip, pool.id);
      const lease = await waitForLease(running, { clock, log, probe, declined });
      const key = dhcpKey(pool.id, lease.ip);
      if (this.#kept.has(key))
        throw new Conflict(`DHCP server ${lease.server} gave ${lease.ip} twice`, { device });
      const record = recordOf(ask, lease, clock.now());
      this.#keep(key, { record, running });
      await store.commit({ put: [{ key, value: encodeDhcpRecord(record) }], durability: 'process' });
      this.#say('dhcp.lease', record, `got ${lease.ip} from DHCP server ${lease.server} on ${device}`);
      return lease;
    } catch (error) {
      for (const [key, kept] of this.#kept) if (kept.running === running) this.#kept.delete(key);
      this.#end(running);
      throw error;
    }
  }

  /**
   * Asks for the address that a container has already, of which no lease is known here. Until a server grants it, it
   * counts as lost.
   */
  async adopt(ask: DhcpAsk & { readonly wanted: Ip }): Promise<void> {
    const { clock, store, log } = this.#options;
    const { pool, device, mac, wanted } = ask;
    const now = clock.now();
    const lost = { since: now, reason: 'no lease of it is known here' };
    const record = { ...recordOf(ask, unknownLease(pool.subnet, wanted), now), lost };
    log.warn({ device, mac, ip: wanted }, 'a container has an address without a DHCP lease; it is asked for');
    this.#resume(record);
    const put = [{ key: dhcpKey(pool.id, wanted), value: encodeDhcpRecord(record) }];
    await store.commit({ put, durability: 'process' });
  }

  /** Gives an address back; one that is none of a DHCP server's is fine. */
  async release(poolId: PoolId, ip: Ip): Promise<void> {
    const key = dhcpKey(poolId, ip);
    const kept = this.#kept.get(key);
    if (kept === undefined) return;
    this.#kept.delete(key);
    try {
      await this.#options.store.commit({ delete: [key], durability: 'process' });
    } finally {
      this.#end(kept.running);
    }
    this.#say('dhcp.release', kept.record, `released ${ip} to DHCP server ${kept.record.lease.server}`);
  }

  /** Gives back what is at least `graceMs` old and no longer held: what a crash or a collection has left. */
  async prune(held: (poolId: PoolId, ip: Ip) => boolean, graceMs: number): Promise<void> {
    const before = this.#options.clock.now() - graceMs;
    for (const { poolId, lease, createdAt } of this.list()) {
      if (createdAt <= before && !held(poolId, lease.ip)) await this.release(poolId, lease.ip);
    }
  }

  /** The lease of an address has another MAC or host name: the server is told, and the lease stays. */
  async identify(
    poolId: PoolId,
    ip: Ip,
    now: { readonly mac?: Mac; readonly hostname?: string },
  ): Promise<void> {
    const kept = this.#kept.get(dhcpKey(poolId, ip));
    if (kept === undefined) return;
    const { mac = kept.record.mac, hostname = kept.record.hostname } = now;
    if (mac === kept.record.mac && hostname === kept.record.hostname) return;
    const named = hostname === undefined ? {} : { hostname };
    await this.#put(kept, { ...kept.record, mac, ...named });
    kept.running.do({ kind: 'identify', identity: { ...kept.running.client.identity, mac, ...named } });
  }

  /** The lease of an address, if a DHCP server gave it. */
  get(poolId: PoolId, ip: Ip): DhcpRecord | undefined {
    return this.#kept.get(dhcpKey(poolId, ip))?.record;
  }

  /** Stops, and leaves the leases as they are. */
  [Symbol.dispose](): void {
    for (const running of this.#running) running[Symbol.dispose]();
    this.#running.clear();
    this.#channel[Symbol.dispose]();
  }

  #run(device: IfName, start: ConstructorParameters<typeof RunningClient>[1]): RunningClient {
    const { clock, log } = this.#options;
    const send: DhcpChannel['send'] = (...args) => this.#channel.send(...args);
    const running = new RunningClient({ device, clock, log, send }, start);
    this.#running.add(running);
    return running;
  }

  #end(running: RunningClient): void {
    running.do({ kind: 'release' });
    running[Symbol.dispose]();
    this.#running.delete(running);
  }

  #resume(record: DhcpRecord): void {
    const { device, subnet, lost } = record;
    // What a server has refused is no lease, whatever its time.
    const lease = lost === undefined ? record.lease : { ...record.lease, expiresAt: 0 };
    const terms = { subnet, wanted: lease.ip };
    const running = this.#run(
      device,
      resumedClient(identityOf(record), terms, lease, this.#options.clock.now(), chance()),
    );
    this.#keep(dhcpKey(record.poolId, lease.ip), { record, running });
  }

  #keep(key: string, kept: Kept): void {
    this.#kept.set(key, kept);
    kept.running.onNews = (news) => {
      this.#heard(kept, news).catch((error: unknown) =>
        this.#options.log.error({ key, err: errorMessage(error) }, 'a DHCP lease could not be stored'),
      );
    };
  }

  async #heard(kept: Kept, news: LeaseNews): Promise<void> {
    const { log, clock } = this.#options;
    const { ip } = news.lease;
    const { lost, ...before } = kept.record;
    const { device, mac } = before;
    if (news.kind === 'lost') {
      // After a restart it is lost again, which has been said.
      if (lost !== undefined) return;
      const { reason } = news;
      log.error(
        { device, mac, ip, reason },
        'DHCP lease lost; the container keeps the address, and it is asked for again',
      );
      await this.#put(kept, { ...before, lost: { since: clock.now(), reason } });
      this.#say('dhcp.lost', before, `lost the DHCP lease of ${ip} on ${device}: ${reason}`);
      return;
    }
    const { router } = before.lease;
    if (router !== news.lease.router) {
      log.warn(
        { ip, router, now: news.lease.router },
        'the DHCP server names another router; containers keep theirs',
      );
    }
    await this.#put(kept, { ...before, lease: news.lease });
    if (lost === undefined) return;
    log.info({ device, mac, ip }, 'DHCP lease regained');
    this.#say('dhcp.regained', before, `has the DHCP lease of ${ip} on ${device} again`);
  }

  /** A lease that was released meanwhile stays so. */
  async #put(kept: Kept, record: DhcpRecord): Promise<void> {
    const key = dhcpKey(record.poolId, record.lease.ip);
    if (this.#kept.get(key) !== kept) return;
    kept.record = record;
    await this.#options.store.commit({
      put: [{ key, value: encodeDhcpRecord(record) }],
      durability: 'process',
    });
  }

  #declined(device: IfName, { ip, server }: DhcpLease, holder: string): void {
    const fields = { device, ip, server, holder };
    this.#options.log.warn(fields, 'an address that a DHCP server gave is in use; declined');
    const text = `declined ${ip} from DHCP server ${server} on ${device}: ${holder} uses it`;
    this.#options.announce({ kind: 'dhcp.conflict', text, fields });
  }

  #say(kind: DhcpEvent['kind'], { device, mac, lease }: Omit<DhcpRecord, 'lost'>, text: string): void {
    const fields = { device, mac, ip: lease.ip, server: lease.server };
    this.#options.announce({ kind, text, fields });
  }
}
