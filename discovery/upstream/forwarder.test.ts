import dnsPacket from 'dns-packet';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { DecodeError, Unavailable } from '../../core/errors.ts';
import { address, aQuery, type ReplyOptions, replyPacket, soa, wireName } from '../fixtures/packets.ts';
import { ip } from '../fixtures/records.ts';
import { DOCKER, FIRST, SECOND, Servers } from '../fixtures/servers.ts';
import { type Query, writeForwarded } from '../message/index.ts';
import type { UpstreamServer } from './exchange.ts';
import { FORWARDER_LIMITS, type Forwarded, Forwarder } from './forwarder.ts';

const ONE = address('198.18.0.1', 60);
const TWO = address('198.18.0.2', 60);
const replies = (options: ReplyOptions) => (query: Buffer) => replyPacket(query, options);
const refuses = replies({ flags: 5 });
const NXDOMAIN = replies({ flags: 3, authorities: [soa(900, 200)] });

let servers: Servers;
let forwarder: Forwarder;

function forwards(...list: readonly UpstreamServer[]): void {
  let id = 100;
  forwarder = new Forwarder({
    servers: list,
    exchange: servers.exchange,
    randomId: () => ++id,
    clock: { now: () => Date.now() },
  });
}

beforeEach(() => {
  vi.useFakeTimers();
  servers = new Servers();
});
afterEach(() => {
  forwarder[Symbol.dispose]();
  vi.useRealTimers();
});

/** Addresses and TTLs as an asker sees them, or what went wrong, and after how long. */
async function ask(query: Query = aQuery('web.example')): Promise<string> {
  const started = Date.now();
  let over: number | undefined;
  const answer = forwarder
    .ask(query)
    .then(
      (forwarded) => show(query, forwarded),
      (error: unknown) => (error instanceof Error ? error.name : 'no error'),
    )
    .finally(() => {
      over = Date.now() - started;
    });
  for (let i = 0; i < 5; i++) await vi.advanceTimersByTimeAsync(0);
  while (over === undefined) await vi.advanceTimersByTimeAsync(10);
  return `${await answer} after ${over}`;
}

function show(query: Query, { reply, freshness }: Forwarded): string {
  const packet = dnsPacket.decode(writeForwarded(query, reply, freshness, 512)) as unknown as {
    readonly answers: readonly { readonly data: string; readonly ttl: number }[];
  };
  if (reply.rcode !== 0) return `code ${reply.rcode}`;
  return packet.answers.map(({ data, ttl }) => `${data} ${ttl}`).join(', ') || 'nothing';
}

describe('servers', () => {
  test('the first that answers is asked alone, with ids of its own', async () => {
    servers.set(FIRST, replies({ answers: [ONE] }), 100);
    forwards(FIRST, SECOND);
    expect(await ask()).toBe('198.18.0.1 60 after 100');
    expect(servers.asked).toEqual(['192.0.2.1']);
    expect(servers.packets[0]?.readUInt16BE(0)).toBe(101);
  });

  test('the second is asked as well when the first takes its time', async () => {
    servers.set(FIRST, replies({ answers: [ONE] }), 500);
    servers.set(SECOND, replies({ answers: [TWO] }), 50);
    forwards(FIRST, SECOND);
    expect(await ask()).toBe('198.18.0.2 60 after 200');
  });

  test('nobody is asked any more once there is an answer', async () => {
    const third = { ...SECOND, address: ip('192.0.2.3') };
    servers.set(SECOND, replies({ answers: [TWO] }), 10);
    forwards(FIRST, SECOND, third);
    expect(await ask()).toBe('198.18.0.2 60 after 160');
    await vi.advanceTimersByTimeAsync(10_000);
    expect(servers.asked).toEqual(['192.0.2.1', '192.0.2.2']);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('the second is asked at once when the first cannot tell', async () => {
    servers.set(SECOND, replies({ answers: [TWO] }));
    for (const wrong of [refuses, () => new Error('refused'), () => Buffer.from('no'), NOT_ASKED]) {
      servers.set(FIRST, wrong);
      forwards(FIRST, SECOND);
      expect(await ask()).toBe('198.18.0.2 60 after 0');
    }
  });

  test('"no such record" of a later one waits for those before it, for a second', async () => {
    servers.set(SECOND, NXDOMAIN);
    servers.set(FIRST, replies({ answers: [ONE] }), 600);
    forwards(FIRST, SECOND);
    expect(await ask()).toBe('198.18.0.1 60 after 600');
    servers.set(FIRST, refuses, 600);
    forwards(FIRST, SECOND);
    expect(await ask()).toBe('code 3 after 600');
    servers.set(FIRST, () => undefined);
    forwards(FIRST, SECOND);
    expect(await ask()).toBe('code 3 after 1150');
  });

  test('silence is asked again, and ends as unavailable before the asker gives up', async () => {
    let times = 0;
    servers.set(FIRST, (query) => (++times === 2 ? replyPacket(query, { answers: [ONE] }) : undefined));
    forwards(FIRST);
    expect(await ask()).toBe('198.18.0.1 60 after 1000');
    servers.set(FIRST, () => undefined);
    forwards(FIRST);
    expect(await ask()).toBe('Unavailable after 4000');
    forwards();
    expect(await ask()).toBe('Unavailable after 0');
  });

  test('a reply that does not fit is asked for again over TCP', async () => {
    servers.set(FIRST, (query, { tcp }) =>
      replyPacket(query, tcp ? { answers: [ONE, TWO] } : { flags: 0x200, answers: [ONE] }),
    );
    forwards(FIRST);
    expect(await ask()).toBe('198.18.0.1 60, 198.18.0.2 60 after 0');
    expect(servers.asked).toEqual(['192.0.2.1', '192.0.2.1 tcp']);
    const [first, second] = servers.packets.map((packet) => packet.readUInt16BE(0));
    expect(second).not.toBe(first);
  });

  test('the exchange is told which datagrams to pass over', async () => {
    const seen: boolean[] = [];
    servers.set(FIRST, (query, { accepts }) => {
      const right = replyPacket(query, { answers: [ONE] });
      seen.push(
        accepts(right),
        accepts(replyPacket(query, { id: 9 })),
        accepts(query),
        accepts(Buffer.alloc(0)),
      );
      return right;
    });
    forwards(FIRST);
    await ask();
    expect(seen).toEqual([true, false, false, false]);
  });

  test('after its end everybody is refused', async () => {
    forwards(FIRST);
    const answer = forwarder.ask(aQuery('web.example'));
    forwarder[Symbol.dispose]();
    await expect(answer).rejects.toThrow(Unavailable);
    await expect(forwarder.ask(aQuery('web.example'))).rejects.toThrow(/weft stops/);
  });
});

const NOT_ASKED = (query: Buffer): Buffer => {
  const reply = replyPacket(query, { answers: [ONE] });
  reply[13] = (reply[13] ?? 0) ^ 0x02;
  return reply;
};

describe('the cache', () => {
  test('equal questions at one time are asked once, and later ones not before it runs out', async () => {
    servers.set(FIRST, replies({ answers: [ONE] }), 50);
    forwards(FIRST);
    await Promise.all([ask(), ask(aQuery('WEB.example')), ask(aQuery('web.example', 'A', { edns: 900 }))]);
    expect(servers.asked).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(30_000);
    expect(await ask()).toBe('198.18.0.1 30 after 0');
    expect(forwarder.cached(aQuery('web.example'))).toBeDefined();
    expect(forwarder.cached(aQuery('web.example', 'AAAA'))).toBeUndefined();
    await vi.advanceTimersByTimeAsync(30_000);
    expect(forwarder.cached(aQuery('web.example'))).toBeUndefined();
    expect(await ask()).toBe('198.18.0.1 60 after 50');
    expect(servers.asked).toHaveLength(2);
  });

  test.each([
    ['an answer for its shortest TTL', { answers: [address('198.18.0.1', 90), ONE] }, 60],
    ['an answer for an hour at most', { answers: [address('198.18.0.1', 86_400)] }, 3600],
    ['an answer without TTL not at all', { answers: [address('198.18.0.1', 0)] }, 0],
    ['NXDOMAIN as its SOA says', { flags: 3, authorities: [soa(900, 200)] }, 200],
    ['"no such record" as its SOA says', { authorities: [soa(100, 200)] }, 100],
    ['what is not there for five minutes at most', { flags: 3, authorities: [soa(9000, 9000)] }, 300],
    ['what is not there without an SOA not at all', { flags: 3 }, 0],
    [
      'an alias of nothing as the shorter of both',
      {
        flags: 3,
        answers: [{ type: 'CNAME', ttl: 20, data: wireName('c.example') }],
        authorities: [soa(900, 200)],
      },
      20,
    ],
  ] as const)('keeps %s', async (_, options, seconds) => {
    servers.set(FIRST, replies(options));
    forwards(FIRST);
    await ask();
    if (seconds > 0) {
      await vi.advanceTimersByTimeAsync(seconds * 1000 - 20);
      expect(forwarder.cached(aQuery('web.example'))).toBeDefined();
    }
    await vi.advanceTimersByTimeAsync(20);
    expect(forwarder.cached(aQuery('web.example'))).toBeUndefined();
  });

  test("keeps neither what Docker's resolver says of containers nor what it does not find", async () => {
    forwards(DOCKER);
    servers.set(DOCKER, replies({ answers: [address('198.18.0.1', 600)] }));
    await ask();
    expect(forwarder.cached(aQuery('web.example'))).toBeUndefined();
    servers.set(DOCKER, NXDOMAIN);
    await ask();
    expect(forwarder.cached(aQuery('web.example'))).toBeUndefined();
    servers.set(DOCKER, replies({ answers: [address('198.18.0.1', 599)] }));
    await ask();
    expect(forwarder.cached(aQuery('web.example'))).toBeDefined();
  });
});

describe('an answer that has run out', () => {
  beforeEach(async () => {
    servers.set(FIRST, replies({ answers: [ONE] }));
    forwards(FIRST);
    await ask();
    await vi.advanceTimersByTimeAsync(60_000);
  });

  test('is given with 30 seconds when no server answers, and at once until it is time to ask again', async () => {
    servers.set(FIRST, refuses);
    expect(await ask()).toBe('198.18.0.1 30 after 0');
    expect(servers.asked).toHaveLength(2);
    expect(await ask()).toBe('198.18.0.1 30 after 0');
    expect(servers.asked).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(FORWARDER_LIMITS.recheckMs);
    servers.set(FIRST, replies({ answers: [TWO] }));
    expect(await ask()).toBe('198.18.0.2 60 after 0');
  });

  test('is given after 1.8 seconds of silence, while the question goes on', async () => {
    servers.set(FIRST, replies({ answers: [TWO] }), 2500);
    expect(await ask()).toBe('198.18.0.1 30 after 1800');
    await vi.advanceTimersByTimeAsync(1000);
    expect(await ask()).toBe('198.18.0.2 60 after 0');
  });

  test('is given for an hour and no longer', async () => {
    servers.set(FIRST, refuses);
    await vi.advanceTimersByTimeAsync(3_600_000 - 10);
    expect(await ask()).toBe('198.18.0.1 30 after 0');
    await vi.advanceTimersByTimeAsync(10);
    expect(await ask()).toBe('Unavailable after 0');
  });

  test('is not given when a server says that the name is gone', async () => {
    servers.set(FIRST, NXDOMAIN);
    expect(await ask()).toBe('code 3 after 0');
  });
});

test('what a resolver said is in the error', async () => {
  servers.set(FIRST, () => Buffer.from('no'));
  forwards(FIRST);
  const error = await forwarder.ask(aQuery('web.example')).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ message: 'ask 192.0.2.1: every one refused', code: 'unavailable' });
  const { cause } = error as Error & { readonly cause: AggregateError };
  expect(cause.errors[0]).toBeInstanceOf(DecodeError);
});
