import { Resolver } from 'node:dns/promises';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Unavailable } from '../../core/errors.ts';
import { address, queryPacket, replyPacket } from '../fixtures/packets.ts';
import { anEndpoint, aService, ip } from '../fixtures/records.ts';
import { boundUdp, resolverSockets, TcpClient, UdpClient, until } from '../fixtures/sockets.ts';
import { NameTable } from '../table/index.ts';
import { Forwarder } from '../upstream/index.ts';
import { frame } from './frames.ts';
import { SANDBOX_LIMITS, type SandboxLimits } from './limits.ts';
import { SandboxServer, type SandboxServerParts } from './sandbox-server.ts';
import { socketExchange } from './socket-exchange.ts';

const rcodeOf = (reply: Buffer | undefined): number => (reply?.readUInt16BE(2) ?? 0) & 15;
const clock = { now: () => Date.now() };
const NOBODY = { cached: () => undefined, ask: () => Promise.reject(new Unavailable('nobody')) };

let stack: AsyncDisposableStack;
let logged: string[];
let table: NameTable;

beforeEach(() => {
  stack = new AsyncDisposableStack();
  logged = [];
  table = new NameTable();
  const service = { name: 'shop', ports: [{ protocol: 'tcp', port: 80, target: 80 } as const] };
  table.putEndpoint(
    anEndpoint('1', ['web-1', 'web'], { ipv4: ip('198.18.0.2'), ipv6: ip('fd00::2'), service }),
  );
  table.putService(aService('shop', { vip4: ip('198.18.0.100'), ports: service.ports }));
});
afterEach(() => stack.disposeAsync());

async function serve(parts: Partial<SandboxServerParts> = {}, limits: Partial<SandboxLimits> = {}) {
  const { udp, tcp, port } = await resolverSockets();
  const log = {
    debug: (_: object, message: string) => logged.push(`debug ${message}`),
    warn: (_: object, message: string) => logged.push(`warn ${message}`),
    error: (_: object, message: string) => logged.push(`error ${message}`),
  };
  const base = { table, networks: ['net-id'], forwarder: NOBODY, clock, log };
  const server = stack.use(
    new SandboxServer({
      ...base,
      udp: [udp],
      tcp: [tcp],
      limits: { ...SANDBOX_LIMITS, ...limits },
      ...parts,
    }),
  );
  const resolver = new Resolver({ timeout: 2000, tries: 2 });
  resolver.setServers([`127.0.0.1:${port}`]);
  return { server, port, resolver };
}

const udpTo = async (port: number): Promise<UdpClient> => stack.use(await UdpClient.open(port));
const tcpTo = (port: number): TcpClient => stack.use(new TcpClient(port));

/** A forwarder whose questions wait until they are let go. */
function waiting() {
  const waiters: (() => void)[] = [];
  const ask = (): Promise<never> =>
    new Promise((_, reject) => waiters.push(() => reject(new Unavailable('let go'))));
  return { waiters, forwarder: { cached: () => undefined, ask } };
}

describe('c-ares', () => {
  test('finds names, addresses, services and backends', async () => {
    const { resolver } = await serve();
    expect(await resolver.resolve4('WEB', { ttl: true })).toEqual([{ address: '198.18.0.2', ttl: 5 }]);
    expect(await resolver.resolve6('web.net')).toEqual(['fd00::2']);
    expect(await resolver.reverse('198.18.0.2')).toEqual(['web-1.net']);
    expect(await resolver.reverse('fd00::2')).toEqual(['web-1.net']);
    expect(await resolver.resolve4('shop')).toEqual(['198.18.0.100']);
    expect(await resolver.resolve4('tasks.shop')).toEqual(['198.18.0.2']);
    expect(await resolver.resolveSrv('_80._tcp.shop')).toMatchObject([{ name: 'shop', port: 80 }]);
  });

  test('hears that a name has no such record, and nothing is asked elsewhere', async () => {
    const { resolver, server } = await serve();
    await expect(resolver.resolveMx('web')).rejects.toMatchObject({ code: 'ENODATA' });
    await expect(resolver.resolve6('shop')).rejects.toMatchObject({ code: 'ENODATA' });
    expect(server.counts).toMatchObject({ local: 2, failed: 0 });
    await expect(resolver.resolve4('other')).rejects.toMatchObject({ code: 'ESERVFAIL' });
  });

  test('gets 300 addresses, by TCP since no datagram holds them', async () => {
    for (let i = 0; i < 300; i++)
      table.putEndpoint(anEndpoint(`m${i}`, ['many'], { ipv4: ip(`198.18.${1 + (i >> 8)}.${i & 255}`) }));
    const { resolver } = await serve();
    expect(new Set(await resolver.resolve4('many')).size).toBe(300);
  });

  test('sees the networks that the sandbox is on now', async () => {
    const { resolver, server } = await serve({ networks: [] });
    await expect(resolver.resolve4('web')).rejects.toMatchObject({ code: 'ESERVFAIL' });
    server.setNetworks(['net-id']);
    expect(await resolver.resolve4('web')).toEqual(['198.18.0.2']);
  });
});

describe('other names', () => {
  async function upstream(answer: (query: Buffer, tcp: boolean) => Buffer) {
    const { udp, tcp, port } = await resolverSockets();
    stack.defer(() => void udp.close());
    stack.defer(() => void tcp.close());
    udp.on('message', (query, from) => {
      // A forged reply comes first; the port cannot be guessed, but here it is known.
      udp.send(replyPacket(query, { id: query.readUInt16BE(0) ^ 1 }), from.port, from.address);
      udp.send(answer(query, false), from.port, from.address);
    });
    tcp.on('connection', (socket) =>
      socket.on('data', (chunk) => socket.write(frame(answer(chunk.subarray(2), true)))),
    );
    const source = {
      udp: () => boundUdp(),
      tcp: (server: { readonly port: number }) => connect(server.port, '127.0.0.1'),
    };
    const forwarder = new Forwarder({
      servers: [{ address: ip('127.0.0.1'), port }],
      exchange: socketExchange(source),
      randomId: () => Math.floor(Math.random() * 65_536),
      clock,
    });
    return stack.use(forwarder);
  }

  test('are asked of a real resolver once and then kept', async () => {
    let asked = 0;
    const forwarder = await upstream((query) => {
      asked += 1;
      return replyPacket(query, { answers: [address('192.0.2.7', 60)] });
    });
    const { resolver, server } = await serve({ forwarder });
    expect(await resolver.resolve4('example.org')).toEqual(['192.0.2.7']);
    expect(await resolver.resolve4('Example.ORG')).toEqual(['192.0.2.7']);
    expect(asked).toBe(1);
    expect(server.counts).toMatchObject({ forwarded: 1, cached: 1 });
  });

  test('that no datagram holds come by TCP on both sides', async () => {
    const answers = Array.from({ length: 200 }, (_, i) => address(`192.0.2.${i}`, 60));
    const forwarder = await upstream((query, tcp) =>
      replyPacket(query, tcp ? { answers } : { flags: 0x200 }),
    );
    const { resolver } = await serve({ forwarder });
    expect(await resolver.resolve4('example.org')).toHaveLength(200);
  });

  test('of a resolver that is not there fail at once', async () => {
    const gone = await boundUdp();
    const { port } = gone.address();
    gone.close();
    const forwarder = new Forwarder({
      servers: [{ address: ip('127.0.0.1'), port }],
      exchange: socketExchange({ udp: () => boundUdp(), tcp: () => connect(port, '127.0.0.1') }),
      randomId: () => 1,
      clock,
    });
    const { resolver } = await serve({ forwarder: stack.use(forwarder) });
    const started = Date.now();
    await expect(resolver.resolve4('example.org')).rejects.toMatchObject({ code: 'ESERVFAIL' });
    expect(Date.now() - started).toBeLessThan(1500);
  });
});

describe('a sandbox that asks too much', () => {
  test('is answered up to its limit, and others as before', async () => {
    const { port, server } = await serve({}, { queries: { perSecond: 1, burst: 10 } });
    const other = await serve();
    const flood = await udpTo(port);
    for (let i = 0; i < 500; i++) flood.send(queryPacket('web'));
    expect(await other.resolver.resolve4('web')).toEqual(['198.18.0.2']);
    // The kernel drops what does not fit into its buffer, so that not all of the flood arrives.
    await until(() => server.counts.limited >= 100, 'most of the flood was dropped');
    expect(server.counts.local).toBeLessThanOrEqual(20);
    await until(() => flood.replies.length === server.counts.local, 'all replies came');
  });

  test('has so many questions under way, and its own names all the same', async () => {
    const { waiters, forwarder } = waiting();
    const { port, server } = await serve({ forwarder }, { forwardsInFlight: 3 });
    const client = await udpTo(port);
    for (let i = 0; i < 3; i++) client.send(queryPacket(`x${i}.example`));
    await until(() => waiters.length === 3, 'three questions wait');
    expect(rcodeOf(await client.ask(queryPacket('x4.example')))).toBe(2);
    expect(rcodeOf(await client.ask(queryPacket('web')))).toBe(0);
    expect(server.counts).toMatchObject({ limited: 1, local: 1 });
    for (const letGo of waiters) letGo();
    await until(() => client.replies.length === 5, 'all are answered');
    client.send(queryPacket('x5.example'));
    await until(() => waiters.length === 4, 'another question goes on');
  });

  test('asks other resolvers at its rate', async () => {
    const { port } = await serve({}, { forwards: { perSecond: 0, burst: 1 } });
    const client = await udpTo(port);
    await client.ask(queryPacket('a.example'));
    await client.ask(queryPacket('b.example'));
    expect(logged).toEqual(['debug no resolver answered']);
  });
});

describe('packets', () => {
  test('that are malformed are answered or dropped, and the next is served', async () => {
    const { port } = await serve();
    const client = await udpTo(port);
    client.send(Buffer.alloc(0));
    client.send(Buffer.from('nonsense'));
    client.send(queryPacket('web', 'A', { flags: 0x8100 }));
    const [broken, fine] = [queryPacket('web').subarray(0, 15), queryPacket('web')];
    expect(rcodeOf(await client.ask(broken))).toBe(1);
    expect(rcodeOf(await client.ask(fine))).toBe(0);
    expect(client.replies).toHaveLength(2);
  });

  test('that ask for everything get one record', async () => {
    const { port } = await serve();
    const reply = await (await udpTo(port)).ask(queryPacket('web', 'ANY'));
    expect(reply.readUInt16BE(6)).toBe(1);
    expect(reply.length).toBeLessThan(60);
  });

  test('that make weft fail are answered SERVFAIL, and logged', async () => {
    const broken = {
      lookup: () => {
        throw new TypeError('broken');
      },
    };
    const { port, server } = await serve({ table: broken });
    expect(rcodeOf(await (await udpTo(port)).ask(queryPacket('web')))).toBe(2);
    expect(logged).toEqual(['error a query failed']);
    expect(server.counts.failed).toBe(1);
  });

  test('that wait for an answer when the server ends harm nothing', async () => {
    const { waiters, forwarder } = waiting();
    const { port, server } = await serve({ forwarder });
    const client = await udpTo(port);
    const stream = tcpTo(port);
    client.send(queryPacket('a.example'));
    stream.send(queryPacket('b.example'));
    await until(() => waiters.length === 2, 'both wait');
    await server[Symbol.asyncDispose]();
    for (const letGo of waiters) letGo();
    await until(() => stream.closed, 'the connection is closed');
    expect(stream.replies).toHaveLength(0);
  });
});

describe('a connection', () => {
  test('carries queries that follow each other, however they are cut', async () => {
    const { port } = await serve();
    const client = tcpTo(port);
    const ids = Array.from({ length: 100 }, (_, i) => i);
    const stream = Buffer.concat(ids.map((id) => frame(queryPacket('web', 'A', { id }))));
    client.socket.setNoDelay(true);
    for (let at = 0; at < stream.length; at += 7) client.socket.write(stream.subarray(at, at + 7));
    const replies = await client.received(100);
    expect(replies.map((reply) => reply.readUInt16BE(0)).sort((a, b) => a - b)).toEqual(ids);
  });

  test('is answered after the client has said that it sends no more', async () => {
    const { waiters, forwarder } = waiting();
    const { port } = await serve({ forwarder });
    const client = tcpTo(port);
    client.send(queryPacket('a.example'), queryPacket('web'));
    client.socket.end();
    await until(() => waiters.length === 1, 'the question waits');
    for (const letGo of waiters) letGo();
    expect((await client.received(2)).map(rcodeOf)).toEqual([0, 2]);
    await until(() => client.closed, 'the server ends as well');
  });

  test('has so many questions under way at one time', async () => {
    const { waiters, forwarder } = waiting();
    const { port } = await serve({ forwarder }, { pipelined: 4 });
    const client = tcpTo(port);
    client.send(...Array.from({ length: 10 }, (_, i) => queryPacket(`x${i}.example`)));
    await until(() => waiters.length === 4, 'four questions wait');
    const second = tcpTo(port);
    second.send(queryPacket('web'));
    await second.received(1);
    expect(waiters).toHaveLength(4);
    for (let done = 0; done < 10; done++) {
      await until(() => waiters.length > done, 'the next question waits');
      waiters[done]?.();
    }
    await client.received(10);
  });

  test('ends when idle, also when a byte comes now and then, but not while a question is under way', async () => {
    const { waiters, forwarder } = waiting();
    const { port } = await serve({ forwarder }, { idleMs: 150 });
    const [idle, slow, busy] = [tcpTo(port), tcpTo(port), tcpTo(port)];
    busy.send(queryPacket('a.example'));
    await until(() => waiters.length === 1, 'the question waits');
    const drip = setInterval(() => slow.socket.writable && slow.socket.write(Buffer.from([1])), 50);
    stack.defer(() => clearInterval(drip));
    await until(() => idle.closed && slow.closed, 'both are closed');
    expect(busy.closed).toBe(false);
    waiters[0]?.();
    await busy.received(1);
    await until(() => busy.closed, 'it is closed too');
  });

  test('too many is closed, and a place that is free again is given', async () => {
    const { port } = await serve({}, { connections: 2 });
    const [first, second] = [tcpTo(port), tcpTo(port)];
    first.send(queryPacket('web'));
    second.send(queryPacket('web'));
    await Promise.all([first.received(1), second.received(1)]);
    const third = tcpTo(port);
    await until(() => third.closed, 'the third is closed');
    first.socket.destroy();
    await until(() => first.closed, 'the first is gone');
    let last = tcpTo(port);
    await until(() => {
      if (last.closed) last = tcpTo(port);
      else if (last.replies.length === 0) last.send(queryPacket('web'));
      return last.replies.length > 0;
    }, 'its place is given');
  });

  test('of a client that does not read is not read from without end', async () => {
    for (let i = 0; i < 500; i++)
      table.putEndpoint(anEndpoint(`m${i}`, ['many'], { ipv4: ip(`198.19.${i >> 8}.${i & 255}`) }));
    const { port, server } = await serve({}, { idleMs: 1000 });
    const client = tcpTo(port);
    client.socket.pause();
    client.send(...Array.from({ length: 8000 }, () => queryPacket('many')));
    let seen = 0;
    let same = 0;
    await until(() => {
      same = seen > 0 && seen === server.counts.local ? same + 1 : 0;
      seen = server.counts.local;
      return same === 30;
    }, 'the server waits for the client');
    expect(seen).toBeLessThan(8000);
  });
});
