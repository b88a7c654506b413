import { describe, expect, test } from 'vitest';
import type { Mac } from '../../core/ids.ts';
import {
  GIVEN,
  HeldDhcpClient,
  IDENTITY,
  ip,
  MAC,
  SERVER,
  SERVER_MAC,
  START,
  SUBNET,
} from '../../test/support/held-dhcp-client.ts';
import { resumedClient, step } from './client.ts';
import { leaseOf, newClient } from './client-state.ts';
import type { DhcpLease } from './lease.ts';
import type { DhcpMessage } from './message.ts';
import type { DhcpOptions } from './options.ts';
import { NEVER } from './timing.ts';

describe('getting an address', () => {
  test('DISCOVER, OFFER, REQUEST, ACK', () => {
    const held = new HeldDhcpClient();
    expect(held.last).toMatchObject({
      to: 'broadcast',
      from: '0.0.0.0',
      message: {
        op: 'request',
        broadcast: true,
        chaddr: MAC,
        options: { type: 'discover', hostname: 'web', clientId: IDENTITY.clientId },
      },
    });
    expect(held.last?.message.options).not.toHaveProperty('requestedIp');
    held.offered();
    expect(held.last).toMatchObject({
      to: 'broadcast',
      message: { options: { type: 'request', requestedIp: GIVEN, server: SERVER, hostname: 'web' } },
    });
    expect(held.last?.message.xid).toBe(held.sent[0]?.message.xid);
    held.hears({ type: 'ack' });
    expect(held.said).toEqual([`new ${GIVEN}`]);
    expect(leaseOf(held.client)).toEqual({
      ip: GIVEN,
      prefix: 24,
      router: '192.0.2.254',
      server: SERVER,
      serverMac: SERVER_MAC,
      renewAt: START + 1_800_000,
      rebindAt: START + 3_150_000,
      expiresAt: START + 3_600_000,
    });
    expect(held.client.wakeAt).toBe(START + 1_800_000);
  });

  test('DISCOVER is repeated after 1, 2, 4, … 64 s, with one xid and the seconds since it began', () => {
    const held = new HeldDhcpClient();
    const times: number[] = [];
    for (let i = 0; i < 9; i++) times.push(held.wake().at);
    expect(times).toEqual([1, 3, 7, 15, 31, 63, 127, 191, 255]);
    expect(new Set(held.sent.map(({ message }) => message.xid)).size).toBe(1);
    expect(held.last?.message.secs).toBe(255);
  });

  test('chance moves the repetition by up to a quarter, a second at most', () => {
    const early = step(newClient(IDENTITY, { subnet: SUBNET }, 0), { kind: 'wake' }, 0, {
      xid: 1,
      jitter: -1,
    });
    expect(early.client.wakeAt).toBe(750);
    let { client } = early;
    for (let i = 0; i < 6; i++)
      client = step(client, { kind: 'wake' }, client.wakeAt, { xid: 1, jitter: 1 }).client;
    expect(client.state).toMatchObject({ name: 'SELECTING', attempt: 6 });
    const before = client.wakeAt;
    client = step(client, { kind: 'wake' }, before, { xid: 1, jitter: 1 }).client;
    expect(client.wakeAt - before).toBe(65_000);
  });

  test('REQUEST is sent four times, then it begins again', () => {
    const held = new HeldDhcpClient().offered();
    held.wake().wake().wake();
    expect(held.sent.map(({ message }) => message.options.type)).toEqual([
      'discover',
      ...['request', 'request', 'request', 'request'],
    ]);
    held.wake();
    expect([held.state, held.last?.message.options.type]).toEqual(['SELECTING', 'discover']);
    expect(held.last?.message.xid).not.toBe(held.sent[0]?.message.xid);
  });

  test('NAK: it begins again after a second, and says why', () => {
    const held = new HeldDhcpClient().offered().hears({ type: 'nak', text: 'no more' });
    expect(held.state).toBe('INIT');
    expect(held.client.refusal).toBe(`DHCP server ${SERVER} refuses ${GIVEN}: no more`);
    expect(held.wake().at).toBe(1);
    expect(held.state).toBe('SELECTING');
  });

  test('an early wake does nothing', () => {
    const held = new HeldDhcpClient();
    held.do({ kind: 'wake' });
    expect(held.sent).toHaveLength(1);
  });
});

describe('answers that are not for it, or of no use', () => {
  test.each<[string, Partial<DhcpOptions>, Partial<DhcpMessage>]>([
    ['another exchange', {}, { xid: 1 }],
    ['another client', {}, { chaddr: '02:42:00:00:00:78' as Mac }],
    ['a request', {}, { op: 'request' }],
    ['an acknowledgement of nothing', { type: 'ack' }, {}],
    ['a refusal of nothing', { type: 'nak' }, {}],
  ])('%s is passed over', (_name, options, more) => {
    const held = new HeldDhcpClient();
    const before = held.client;
    held.hears({ type: 'offer', ...options }, more);
    expect(held.client).toBe(before);
  });

  test.each<[string, Partial<DhcpOptions>, Partial<DhcpMessage>]>([
    [
      `DHCP server ${SERVER} gives 198.51.100.7/24 of subnet 198.51.100.0/24, but the network has subnet 192.0.2.0/24`,
      {},
      { yiaddr: ip('198.51.100.7') },
    ],
    [
      `DHCP server ${SERVER} gives 192.0.2.77/25 of subnet 192.0.2.0/25, but the network has subnet 192.0.2.0/24`,
      { prefix: 25 },
      {},
    ],
    [
      `DHCP server ${SERVER} gives 192.0.2.255/24 which is the broadcast address of 192.0.2.0/24`,
      {},
      { yiaddr: ip('192.0.2.255') },
    ],
    [`DHCP server ${SERVER} gives 192.0.2.77/24 for no time (option 51)`, { leaseTime: 0 }, {}],
    ['a DHCP server does not say who it is (option 54)', { server: ip('0.0.0.0') }, {}],
  ])('%s', (refusal, options, more) => {
    const held = new HeldDhcpClient().hears({ type: 'offer', ...options }, more);
    expect([held.state, held.client.refusal]).toEqual(['SELECTING', refusal]);
    held.bound();
    expect(held.state).toBe('BOUND');
    expect(held.client.refusal).toBeUndefined();
  });

  test('only the address that is wanted will do', () => {
    const held = new HeldDhcpClient(ip('192.0.2.50'));
    expect(held.last?.message.options.requestedIp).toBe('192.0.2.50');
    held.offered();
    expect([held.state, held.client.refusal]).toEqual([
      'SELECTING',
      `DHCP server ${SERVER} gives ${GIVEN}/24 and not 192.0.2.50`,
    ]);
    held.hears({ type: 'offer' }, { yiaddr: ip('192.0.2.50') });
    expect(held.state).toBe('REQUESTING');
  });

  test('an acknowledgement of another server, or of another address', () => {
    const held = new HeldDhcpClient().offered().hears({ type: 'ack', server: ip('192.0.2.2') });
    expect(held.state).toBe('REQUESTING');
    held.hears({ type: 'ack' }, { yiaddr: ip('192.0.2.78') });
    expect(held.state).toBe('REQUESTING');
    held.hears({ type: 'nak', server: ip('192.0.2.2') });
    expect(held.state).toBe('REQUESTING');
  });
});

describe('times', () => {
  test('T1 and T2 of the server, where they make sense', () => {
    const times = (t1: number, t2: number) => {
      const lease = leaseOf(new HeldDhcpClient().offered().hears({ type: 'ack', t1, t2 }).client);
      return [lease?.renewAt, lease?.rebindAt].map((at) => ((at ?? 0) - START) / 1000);
    };
    expect(times(10, 20)).toEqual([10, 20]);
    expect(times(20, 10)).toEqual([10, 10]);
    expect(times(0, 0)).toEqual([1800, 3150]);
    expect(times(3600, 3600)).toEqual([1800, 3150]);
  });

  test('a lease for ever is not renewed', () => {
    const held = new HeldDhcpClient().offered().hears({ type: 'ack', leaseTime: 0xffffffff });
    expect(held.client.wakeAt).toBe(NEVER);
  });
});

describe('keeping an address', () => {
  test('T1: renewed by its server, unicast from its address', () => {
    const held = new HeldDhcpClient().bound().wake();
    expect([held.state, held.at]).toEqual(['RENEWING', 1800]);
    expect(held.last).toMatchObject({
      from: GIVEN,
      to: { ip: SERVER, mac: SERVER_MAC },
      message: { ciaddr: GIVEN, options: { type: 'request', clientId: IDENTITY.clientId } },
    });
    expect(held.last?.message.options).not.toHaveProperty('requestedIp');
    expect(held.last?.message.options).not.toHaveProperty('server');
    held.hears({ type: 'ack' });
    expect(held.said).toEqual([`new ${GIVEN}`, `renewed ${GIVEN}`]);
    expect(leaseOf(held.client)?.expiresAt).toBe(START + 1_800_000 + 3_600_000);
  });

  test('T2: any server is asked; the end: it is lost, once, and asked for on', () => {
    const held = new HeldDhcpClient().bound();
    const seen: [string, number][] = [];
    while (held.state !== 'INIT') seen.push([held.wake().state, held.at]);
    expect(seen).toEqual([
      ['RENEWING', 1800],
      ['RENEWING', 2475],
      ['RENEWING', 2812.5],
      ['RENEWING', 2981.25],
      ['RENEWING', 3065.625],
      ['RENEWING', 3125.625],
      ['REBINDING', 3150],
      ['REBINDING', 3375],
      ['REBINDING', 3487.5],
      ['REBINDING', 3547.5],
      ['INIT', 3600],
    ]);
    expect(held.last).toMatchObject({ to: 'broadcast', from: GIVEN, message: { ciaddr: GIVEN } });
    expect(held.said.slice(1)).toEqual([`lost ${GIVEN}: it has ended, and no DHCP server answers`]);
    for (let i = 0; i < 20; i++) held.wake();
    expect(held.said).toHaveLength(2);
    expect(held.last?.message.options).toMatchObject({ type: 'discover', requestedIp: GIVEN });
    held.hears({ type: 'offer' }, { yiaddr: ip('192.0.2.78') });
    expect(held.state).toBe('SELECTING');
    held.bound();
    expect(held.said.slice(2)).toEqual([`regained ${GIVEN}`]);
    expect(held.client.lost).toBeUndefined();
  });

  test('while rebinding another server may take over', () => {
    const held = new HeldDhcpClient().bound();
    while (held.state !== 'REBINDING') held.wake();
    held.hears({ type: 'ack', server: ip('192.0.2.2') });
    expect(leaseOf(held.client)?.server).toBe('192.0.2.2');
  });

  test('NAK of its server: lost. NAK of another while renewing: passed over', () => {
    const held = new HeldDhcpClient()
      .bound()
      .wake()
      .hears({ type: 'nak', server: ip('192.0.2.2') });
    expect(held.state).toBe('RENEWING');
    held.hears({ type: 'nak', text: 'wrong network' });
    expect(held.said.slice(1)).toEqual([
      `lost ${GIVEN}: DHCP server ${SERVER} refuses ${GIVEN}: wrong network`,
    ]);
    expect(held.client).toMatchObject({ state: { name: 'INIT' }, lost: { ip: GIVEN } });
  });

  test('a renewal that gives another address is none', () => {
    const held = new HeldDhcpClient()
      .bound()
      .wake()
      .hears({ type: 'ack' }, { yiaddr: ip('192.0.2.78') });
    expect([held.state, leaseOf(held.client)?.ip]).toEqual(['RENEWING', GIVEN]);
  });

  test('a machine that slept over everything loses it at once', () => {
    const held = new HeldDhcpClient().bound();
    held.now += 4_000_000;
    held.do({ kind: 'wake' });
    expect([held.state, held.sent.length]).toEqual(['INIT', 2]);
  });

  test('release: to its server, and then nothing', () => {
    const held = new HeldDhcpClient().bound().do({ kind: 'release' });
    expect(held.last).toMatchObject({
      from: GIVEN,
      to: { ip: SERVER, mac: SERVER_MAC },
      message: {
        ciaddr: GIVEN,
        broadcast: false,
        options: { type: 'release', server: SERVER, clientId: IDENTITY.clientId },
      },
    });
    expect([held.state, held.client.wakeAt]).toEqual(['RELEASED', NEVER]);
    held.now = NEVER;
    expect(held.do({ kind: 'wake' }).sent).toHaveLength(3);
  });

  test('release before the acknowledgement gives back what was asked for; before an offer nothing', () => {
    expect(new HeldDhcpClient().offered().do({ kind: 'release' }).last?.message.options.type).toBe('release');
    expect(new HeldDhcpClient().do({ kind: 'release' }).sent).toHaveLength(1);
  });
});

describe('a conflict', () => {
  test('is declined; three times it begins again after 1 s, then after 10 s', () => {
    const held = new HeldDhcpClient().bound().do({ kind: 'conflict' });
    expect(held.last).toMatchObject({
      to: 'broadcast',
      from: '0.0.0.0',
      message: {
        ciaddr: '0.0.0.0',
        options: { type: 'decline', requestedIp: GIVEN, server: SERVER, clientId: IDENTITY.clientId },
      },
    });
    expect(held.wake().at).toBe(1);
    expect(held.bound().do({ kind: 'conflict' }).wake().at).toBe(2);
    expect(held.bound().do({ kind: 'conflict' }).wake().at).toBe(3);
    expect(held.bound().do({ kind: 'conflict' }).wake().at).toBe(13);
  });

  test('in any other state is none', () => {
    expect(new HeldDhcpClient().do({ kind: 'conflict' }).state).toBe('SELECTING');
  });
});

describe('after a restart', () => {
  const lease: DhcpLease = {
    ...{ ip: GIVEN, prefix: 24, server: SERVER, serverMac: SERVER_MAC },
    ...{ renewAt: START + 10_000, rebindAt: START + 20_000, expiresAt: START + 30_000 },
  };
  const resumed = (now: number) => {
    const held = new HeldDhcpClient();
    held.sent = [];
    held.now = now;
    return held.take(resumedClient(IDENTITY, { subnet: SUBNET }, lease, now, { xid: 7, jitter: 0 }));
  };

  test('a lease goes on by its times, without a word', () => {
    const held = resumed(START + 5000);
    expect([held.state, held.sent, held.client.wakeAt]).toEqual(['BOUND', [], START + 10_000]);
    const late = resumed(START + 25_000).wake();
    expect([late.state, late.now]).toEqual(['REBINDING', START + 25_000]);
  });

  test('one that has ended is asked for again (INIT-REBOOT)', () => {
    const held = resumed(START + 40_000);
    expect(held.last).toMatchObject({
      to: 'broadcast',
      from: '0.0.0.0',
      message: { ciaddr: '0.0.0.0', options: { type: 'request', requestedIp: GIVEN } },
    });
    expect(held.last?.message.options).not.toHaveProperty('server');
    held.hears({ type: 'ack' });
    expect(held.said).toEqual([`renewed ${GIVEN}`]);
  });

  test('and lost when any server refuses, or none answers four times', () => {
    expect(resumed(START + 40_000).hears({ type: 'nak', server: ip('192.0.2.9') }).said).toEqual([
      `lost ${GIVEN}: DHCP server 192.0.2.9 refuses ${GIVEN}`,
    ]);
    const silent = resumed(START + 40_000)
      .wake()
      .wake()
      .wake();
    expect([silent.sent.length, silent.said]).toEqual([4, []]);
    expect(silent.wake().said).toEqual([`lost ${GIVEN}: it has ended, and no DHCP server answers`]);
  });

  test('a new name is told by asking again; silence leaves the lease as it is', () => {
    const held = resumed(START).do({ kind: 'identify', identity: { ...IDENTITY, hostname: 'db' } });
    expect(held.last?.message.options).toMatchObject({ type: 'request', hostname: 'db', requestedIp: GIVEN });
    held.wake().wake().wake().wake();
    expect([held.state, held.said, leaseOf(held.client)]).toEqual(['BOUND', [], lease]);
  });
});
