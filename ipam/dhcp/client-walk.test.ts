import fc from 'fast-check';
import { expect, test } from 'vitest';
import { GIVEN, HeldDhcpClient, IDENTITY, ip, SERVER } from '../../test/support/held-dhcp-client.ts';
import { step } from './client.ts';
import { leaseOf } from './client-state.ts';
import type { DhcpOptions } from './options.ts';
import { NEVER } from './timing.ts';

/** Anything that can happen, with answers that are mostly for this client. */
const happening = fc.oneof(
  { weight: 4, arbitrary: fc.constant('wake' as const) },
  { weight: 1, arbitrary: fc.constantFrom('conflict' as const, 'identify' as const) },
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constantFrom('offer', 'ack', 'ack', 'nak'),
      yiaddr: fc.constantFrom(GIVEN, ip('192.0.2.78'), ip('198.51.100.1'), ip('192.0.2.255')),
      server: fc.constantFrom(SERVER, ip('192.0.2.2')),
      leaseTime: fc.constantFrom(0, 1, 120, 3600, 0xffffffff),
      t1: fc.nat(200),
      t2: fc.nat(200),
      foreign: fc.boolean(),
      laterMs: fc.nat(20_000),
    }),
  },
);

test('whatever happens: it never spins, holds only what was granted, and loses an address once', () => {
  fc.assert(
    fc.property(fc.array(happening, { maxLength: 60 }), (happenings) => {
      const held = new HeldDhcpClient();
      for (const each of happenings) {
        if (each === 'wake') held.wake();
        else if (each === 'conflict') held.do({ kind: 'conflict' });
        else if (each === 'identify') held.do({ kind: 'identify', identity: IDENTITY });
        else {
          held.now = Math.min(held.now + each.laterMs, Math.max(held.now, held.client.wakeAt));
          const { type, server, leaseTime, t1, t2 } = each;
          const options = { type, server, leaseTime, t1, t2 } as Partial<DhcpOptions>;
          held.hears(options, { yiaddr: each.yiaddr, ...(each.foreign ? { xid: 1 } : {}) });
        }
        const lease = leaseOf(held.client);
        if (lease !== undefined) {
          expect([GIVEN, '192.0.2.78']).toContain(lease.ip);
          expect(lease.renewAt).toBeLessThanOrEqual(lease.rebindAt);
          expect(lease.rebindAt).toBeLessThanOrEqual(lease.expiresAt);
          if (held.state !== 'REBOOTING') expect(held.client.wakeAt).toBeLessThanOrEqual(lease.expiresAt);
        }
        // Woken when it wants to be, it wants to be woken later, but for a lease that is over at once.
        const sleeper = step(held.client, { kind: 'wake' }, held.client.wakeAt, {
          xid: 5,
          jitter: -1,
        }).client;
        if (held.client.wakeAt < NEVER && sleeper.state.name !== 'BOUND')
          expect(sleeper.wakeAt).toBeGreaterThan(held.client.wakeAt);
      }
      const words = held.said.map((each) => each.split(' ')[0]);
      for (const [index, word] of words.entries()) {
        if (word === 'lost' && index + 1 < words.length) expect(words[index + 1]).toBe('regained');
        if (word === 'regained') expect(words[index - 1]).toBe('lost');
      }
    }),
    { numRuns: 1000 },
  );
});
