import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/*
 * A process inside a namespace that serves and connects as it is told over its parent's channel (see net-agent.ts).
 * A server says its name and its client's address on one line, and then repeats what it hears.
 */

const held = new Map<number, Socket>();
let running: { stop: boolean; done: Promise<Tally> } | undefined;

interface Target {
  readonly host: string;
  readonly port: number;
  readonly localAddress?: string;
}

type Tally = Record<string, number>;

async function serve({ name, tcp = [], udp = [] }: { name: string; tcp?: number[]; udp?: number[] }) {
  for (const port of tcp) {
    const server = createServer({ noDelay: true }, (socket) => {
      socket.on('error', () => socket.destroy());
      socket.write(`${name} ${socket.remoteAddress?.replace('::ffff:', '')}\n`);
      socket.pipe(socket);
    });
    server.listen({ port, host: '::', backlog: 4096 });
    await once(server, 'listening');
  }
  for (const port of udp) {
    const socket = createSocket({ type: 'udp6' });
    socket.on('message', (_, { address, port: to }) => socket.send(name, to, address));
    socket.bind(port);
    await once(socket, 'listening');
  }
}

/** The first line a server says, or the code of the error; the socket stays open. */
function dial(target: Target): Promise<{ line?: string; code?: string; socket: Socket }> {
  return new Promise((resolve) => {
    const socket = connect({ ...target, noDelay: true });
    socket.setTimeout(3000, () => socket.destroy(Object.assign(new Error('slow'), { code: 'SLOW' })));
    socket.once('data', (data) => resolve({ line: data.toString().trim(), socket }));
    socket.on('error', (error: NodeJS.ErrnoException) =>
      resolve({ code: error.code ?? error.message, socket }),
    );
    socket.on('close', () => resolve({ code: 'CLOSED', socket }));
  });
}

async function once1(target: Target): Promise<string> {
  const { line, code, socket } = await dial(target);
  // No TIME_WAIT: ten thousand of them would use up the ports.
  if (code === undefined) socket.resetAndDestroy();
  return code ?? line?.split(' ')[0] ?? '';
}

async function tally({ count, parallel = 20, ...target }: Target & { count: number; parallel?: number }) {
  const seen: Tally = {};
  let left = count;
  const worker = async () => {
    while (left-- > 0) add(seen, await once1(target));
  };
  await Promise.all(Array.from({ length: parallel }, worker));
  return seen;
}

function add(seen: Tally, name: string): void {
  seen[name] = (seen[name] ?? 0) + 1;
}

/** Names in the order of the connections, one after the other. */
async function sequence({ count, ...target }: Target & { count: number }) {
  const names: string[] = [];
  for (let i = 0; i < count; i++) names.push(await once1(target));
  return names;
}

/** Milliseconds from connect() to the connection being there, rising. */
async function latencies({ count, ...target }: Target & { count: number }) {
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    const socket = connect({ ...target, noDelay: true });
    const start = performance.now();
    await once(socket, 'connect');
    times.push(performance.now() - start);
    socket.resetAndDestroy();
    await once(socket, 'close');
  }
  return times.sort((a, b) => a - b);
}

/** One datagram a socket, so each is a connection of its own to conntrack. */
async function udpTally({ count, host, port }: Target & { count: number }) {
  const seen: Tally = {};
  for (let i = 0; i < count; i++) {
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
    socket.connect(port, host);
    await once(socket, 'connect');
    add(seen, await askOver(socket));
    socket.close();
  }
  return seen;
}

function askOver(socket: ReturnType<typeof createSocket>): Promise<string> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve('SLOW'), 1000);
    const done = (name: string) => {
      clearTimeout(timer);
      resolve(name);
    };
    socket.once('message', (data) => done(data.toString()));
    socket.once('error', (error: NodeJS.ErrnoException) => done(error.code ?? error.message));
    socket.send('?');
  });
}

let udp: ReturnType<typeof createSocket> | undefined;

/** Asks over one socket for good: the same connection to conntrack each time. */
async function udpAsk({ host, port }: Target) {
  if (udp === undefined) {
    udp = createSocket(host.includes(':') ? 'udp6' : 'udp4');
    udp.connect(port, host);
    await once(udp, 'connect');
  }
  udp.removeAllListeners('error');
  return askOver(udp);
}

function udpForget() {
  udp?.close();
  udp = undefined;
}

async function hold({ id, ...target }: Target & { id: number }) {
  const { line, code, socket } = await dial(target);
  held.set(id, socket);
  return code ?? line;
}

/** What comes back over a held connection: the text, or how it failed. */
async function ask({ id, text }: { id: number; text: string }) {
  const socket = held.get(id);
  if (socket === undefined || socket.destroyed) return 'CLOSED';
  return new Promise((resolve) => {
    socket.once('data', (data) => resolve(data.toString()));
    socket.once('close', () => resolve('CLOSED'));
    socket.write(text);
  });
}

/** Connects without end until `stopStream`. */
function startStream({ parallel = 4, ...target }: Target & { parallel?: number }) {
  const seen: Tally = {};
  const state = { stop: false };
  const worker = async () => {
    while (!state.stop) add(seen, await once1(target));
  };
  const done = Promise.all(Array.from({ length: parallel }, worker)).then(() => seen);
  running = Object.assign(state, { done });
}

function stopStream() {
  if (running === undefined) return {};
  running.stop = true;
  return running.done;
}

/** So many connections a second, whether the ones before have ended or not. */
async function steady({ rate, seconds, ...target }: Target & { rate: number; seconds: number }) {
  const seen: Tally = {};
  const all: Promise<void>[] = [];
  const begun = performance.now();
  for (let n = 0; n < rate * seconds; n++) {
    const wait = begun + (n * 1000) / rate - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    all.push(once1(target).then((name) => add(seen, name)));
  }
  await Promise.all(all);
  return seen;
}

const OPERATIONS = {
  steady,
  serve,
  tally,
  sequence,
  latencies,
  udpTally,
  udpAsk,
  udpForget,
  hold,
  ask,
  startStream,
  stopStream,
};

process.on('message', async ({ id, op, args }: { id: number; op: keyof typeof OPERATIONS; args: never }) => {
  try {
    process.send?.({ id, result: (await OPERATIONS[op](args)) ?? null });
  } catch (error) {
    process.send?.({ id, error: String(error) });
  }
});
process.on('disconnect', () => process.exit());
