import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Ip } from '../../core/address.ts';
import { WeftError } from '../../core/errors.ts';
import type { Entry } from '../../core/ports.ts';
import { IpamHost } from '../../test/fakes/ipam-host.ts';
import { SharedWorld } from '../../test/fakes/shared-world.ts';
import { VirtualClock } from '../../test/fakes/virtual-clock.ts';

const CIDR = '10.1.0.0/27';
const POOL = `WeftLocal/${CIDR}`;
const GATEWAY = '10.1.0.1';
/** Addresses a container can have: without network, broadcast and gateway. */
const USABLE = 29;
const REST_MS = 30_000;

type Action =
  | {
      readonly kind:
        | 'any'
        | 'cut'
        | 'heal'
        | 'kill'
        | 'kill, copy behind'
        | 'start'
        | 'start, cut'
        | 'answer lost'
        | 'made late';
      readonly at: number;
    }
  | { readonly kind: 'this' | 'free'; readonly at: number; readonly ip: number }
  | { readonly kind: 'wait'; readonly ms: number };

const host = fc.nat(4);
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 10, arbitrary: fc.record({ kind: fc.constant('any' as const), at: host }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom('this' as const, 'free' as const),
      at: host,
      ip: fc.integer({ min: 2, max: 30 }),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        'cut' as const,
        'heal' as const,
        'heal' as const,
        'kill' as const,
        'kill, copy behind' as const,
        'start' as const,
        'start, cut' as const,
        'answer lost' as const,
        'made late' as const,
      ),
      at: host,
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('wait' as const),
      ms: fc.oneof(fc.nat(20), fc.nat(3_000), fc.nat(90_000)),
    }),
  },
);

/** Several hosts, what their containers believe to have, and every promise that a walk must not break. */
class Walk {
  readonly clock = new VirtualClock();
  readonly world = new SharedWorld(this.clock);
  readonly hosts: IpamHost[] = [];
  /** Who was answered each address. */
  readonly held = new Map<string, IpamHost>();
  readonly #freedAt = new Map<string, number>();
  readonly #older = new Map<IpamHost, ReadonlyMap<string, Entry>>();
  readonly #asking = new Map<IpamHost, number>();
  readonly #failures: unknown[] = [];

  async begin(count: number): Promise<void> {
    const isAlive = (name: string) =>
      this.hosts.some((each) => each.name === name && each.isRunning && !each.link.isCut);
    for (let at = 0; at < count; at++) {
      const each = new IpamHost(`host-${at}`, this.world, isAlive);
      this.hosts.push(each);
      await each.start();
      await each.join(CIDR, 'app', [GATEWAY]);
    }
  }

  async step(step: Action): Promise<void> {
    if (step.kind === 'wait') {
      await this.clock.advance(step.ms);
      return;
    }
    const each = this.hosts[step.at % this.hosts.length];
    if (each === undefined) return;
    if (step.kind === 'start' || step.kind === 'start, cut') {
      if (each.isRunning) return;
      await this.restart(each);
      if (step.kind === 'start, cut') each.link.cut();
    } else if (each.isRunning) {
      await this.#running(step, each);
    }
  }

  async #running(step: Exclude<Action, { readonly kind: 'wait' }>, each: IpamHost): Promise<void> {
    switch (step.kind) {
      case 'any':
        await this.#any(each);
        break;
      case 'this':
        void this.request(each, `10.1.0.${step.ip}`);
        break;
      case 'free':
        this.#free(each, `10.1.0.${step.ip}`);
        break;
      case 'cut':
        this.#older.set(each, new Map([...each.link.entries('')].map((entry) => [entry.key, entry])));
        each.link.cut();
        break;
      case 'heal':
        each.link.heal();
        break;
      case 'kill':
        each.kill();
        break;
      case 'kill, copy behind':
        each.kill(this.#older.get(each));
        break;
      case 'answer lost':
      case 'made late':
        each.link.next(step.kind);
        break;
    }
  }

  /** With room in its own blocks a host gives an address without the store. */
  async #any(each: IpamHost): Promise<void> {
    const free = each.view(CIDR).blocks.reduce((sum, block) => sum + block.free, 0);
    const local = each.link.isCut && free > (this.#asking.get(each) ?? 0);
    const before = this.clock.now();
    const request = this.request(each, undefined);
    if (local) expect(await this.clock.until(request)).toBe('given');
    if (local) expect(this.clock.now()).toBe(before);
  }

  /** Asks without waiting; what comes of it is checked when it comes. */
  request(each: IpamHost, address: string | undefined): Promise<'given' | 'refused'> {
    this.#asking.set(each, (this.#asking.get(each) ?? 0) + 1);
    const work = this.#request(each, address).finally(() => {
      this.#asking.set(each, (this.#asking.get(each) ?? 1) - 1);
    });
    work.catch((error: unknown) => this.#failures.push(error));
    return work;
  }

  async #request(each: IpamHost, address: string | undefined): Promise<'given' | 'refused'> {
    let ip: Ip;
    try {
      ip = await each.ask(POOL, address);
    } catch (error) {
      if (error instanceof WeftError) return 'refused';
      throw error;
    }
    expect(this.held.get(ip)?.name, `${ip} given by ${each.name}`).toBe(undefined);
    const freedAt = this.#freedAt.get(ip);
    if (address === undefined && freedAt !== undefined) {
      expect(this.clock.now() - freedAt, `rest of ${ip} on ${each.name}`).toBeGreaterThanOrEqual(REST_MS);
    }
    this.held.set(ip, each);
    return 'given';
  }

  #free(each: IpamHost, ip: string): void {
    if (this.held.get(ip) !== each) return;
    this.held.delete(ip);
    this.#freedAt.set(ip, this.clock.now());
    each.free(POOL, ip).catch((error: unknown) => this.#failures.push(error));
  }

  /** Docker asks nothing again: what was not answered before the end is released, as the sweep does. */
  async restart(each: IpamHost): Promise<void> {
    this.#asking.delete(each);
    await each.start();
    for (const ip of each.leases(CIDR)) if (this.held.get(ip) !== each) await each.free(POOL, ip);
    for (const [ip, holder] of this.held) if (holder === each) expect(each.leases(CIDR)).toContain(ip);
  }

  /** No address is held by two hosts, and no host believes that one is. */
  check(): void {
    for (const failure of this.#failures) throw failure;
    const all = this.hosts.flatMap((each) => (each.isRunning ? each.leases(CIDR) : []));
    expect(all.length).toBe(new Set(all).size);
    for (const each of this.hosts) {
      expect(each.errors).toEqual([]);
      if (each.isRunning) expect(each.view(CIDR).conflicts).toEqual([]);
    }
  }

  /** All is well again, long enough for everything to settle. */
  async calm(): Promise<void> {
    for (const each of this.hosts) {
      if (!each.isRunning) await this.restart(each);
      each.link.heal();
    }
    await this.clock.advance(200_000);
    this.check();
  }
}

test('property: on any walk of any hosts no address is held twice, own blocks need no store, and all can be given', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 3, max: 5 }),
      fc.array(action, { maxLength: 80 }),
      async (count, actions) => {
        const walk = new Walk();
        await walk.begin(count);
        for (const step of actions) {
          await walk.step(step);
          walk.check();
        }
        await walk.calm();
        for (let at = 0; walk.held.size < USABLE && at < 4 * USABLE; at++) {
          const each = walk.hosts[at % count];
          const answer = each && (await walk.clock.until(walk.request(each, undefined)));
          // What a lost answer has left behind goes back with the next round.
          if (answer === 'refused') await walk.clock.advance(10_000);
          walk.check();
        }
        expect(walk.held.size).toBe(USABLE);
        for (const each of walk.hosts) {
          expect(await walk.clock.until(walk.request(each, undefined))).toBe('refused');
        }
      },
    ),
    { numRuns: Number(process.env['WEFT_WALKS'] ?? 60) },
  );
}, 120_000);
