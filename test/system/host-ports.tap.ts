import '../support/own-namespace.ts';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import type { Ip } from '../../core/address.ts';
import { Conflict, InvalidArgument } from '../../core/errors.ts';
import type { PortBinding, Protocol } from '../../core/ports.ts';
import { chooseEphemeral, HostPorts, readEphemeralRange } from '../../kernel/host-ports/index.ts';
import { kernelIsAtLeast } from '../support/kernel-version.ts';

const bind = (protocol: Protocol, ip: string, port: number): PortBinding => ({
  protocol,
  ip: ip as Ip,
  port,
});
const openFds = () => readdirSync('/proc/self/fd').length;

async function listening(port: number, host?: string): Promise<Server> {
  const server = createServer().listen(port, host);
  await once(server, 'listening');
  return server;
}

/** The code with which another process fails to bind and listen, with SO_REUSEADDR as servers do; 0 if it can. */
function otherProcess(kind: 'listen' | 'recv', address: string): number {
  const options = address.startsWith('[') ? 'ipv6only=1,' : '';
  const type = kind === 'listen' ? 'tcp' : 'udp';
  const version = address.startsWith('[') ? '6' : '4';
  const [, host, port] = /^(.*):(\d+)$/.exec(address) ?? [];
  const source =
    kind === 'listen'
      ? `${type}${version}-listen:${port},${options}bind=${host},reuseaddr,accept-timeout=0.05`
      : `${type}${version}-recv:${port},${options}bind=${host}`;
  try {
    execFileSync('timeout', ['0.5', 'socat', '-u', source, '/dev/null'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    return 0;
  } catch (error) {
    const { status, stderr } = error as { status: number; stderr: Buffer };
    return stderr.includes('Address already in use') ? status : 0;
  }
}

async function until(what: string, holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 5000;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`waited in vain: ${what}`);
    await sleep(10);
  }
}

t.test('what weft reserves no other process can have, until it is released', async (t) => {
  const ports = new HostPorts();
  const cases = [
    ['tcp', '0.0.0.0', 'listen', '127.0.0.1'],
    ['tcp', '127.0.0.1', 'listen', '0.0.0.0'],
    ['tcp', '::', 'listen', '[::1]'],
    ['udp', '0.0.0.0', 'recv', '127.0.0.1'],
    ['udp', '::1', 'recv', '[::]'],
  ] as const;
  for (const [protocol, ip, kind, other] of cases) {
    const reservation = ports.reserve(bind(protocol, ip, 7001));
    t.equal(otherProcess(kind, `${other}:7001`), 1, `${ip} against ${other} over ${protocol}`);
    reservation.release();
    t.equal(otherProcess(kind, `${other}:7001`), 0, `${other} after the release`);
  }
});

t.test('nothing can connect to a reservation', async (t) => {
  const reservation = new HostPorts().reserve(bind('tcp', '127.0.0.1', 7002));
  const socket = connect(7002, '127.0.0.1');
  const [error] = await once(socket, 'error');
  t.equal(error.code, 'ECONNREFUSED');
  reservation.release();
});

t.test('IPv4 and IPv6, TCP, UDP and SCTP do not meet', async (t) => {
  const ports = new HostPorts();
  const before = openFds();
  const reserved = (['tcp', 'udp', 'sctp'] as const).flatMap((protocol) => [
    ports.reserve(bind(protocol, '0.0.0.0', 7003)),
    ports.reserve(bind(protocol, '::', 7003)),
  ]);
  for (const { binding } of reserved) {
    t.throws(() => ports.reserve(binding), Conflict);
    t.equal(await ports.holder(binding), `weftd (pid ${process.pid})`);
  }
  for (const reservation of [...reserved, ...reserved]) reservation.release();
  t.equal(openFds(), before, 'releasing twice closes once');
});

t.test('who holds a port is found in /proc', async (t) => {
  const ports = new HostPorts();
  const held = bind('tcp', '127.0.0.1', 7004);
  const everywhere = await listening(7004);
  t.throws(() => ports.reserve(held), Conflict);
  t.equal(await ports.holder(held), `node (pid ${process.pid})`, 'a dual-stack server holds it for IPv4 too');
  t.equal(await ports.holder(bind('tcp', '::', 7004)), `node (pid ${process.pid})`);
  everywhere.close();
  await once(everywhere, 'close');
  t.equal(await ports.holder(held), undefined);

  const socat = spawn('socat', ['-u', 'udp4-recv:7004,bind=127.0.0.1', '/dev/null']);
  await until('socat listens', () => readFileSync('/proc/net/udp', 'utf8').includes('0100007F:1B5C'));
  t.throws(() => ports.reserve(bind('udp', '0.0.0.0', 7004)), Conflict);
  t.match(await ports.holder(bind('udp', '0.0.0.0', 7004)), new RegExp(`^socat1? \\(pid ${socat.pid}\\)$`));
  t.equal(await ports.holder(bind('udp', '198.18.0.1', 7004)), undefined);
  socat.kill();
  await once(socat, 'exit');
});

t.test('a holder that does not listen is found too', async (t) => {
  const module = new URL('../../kernel/host-ports/index.ts', import.meta.url).href;
  const source = `import { HostPorts } from '${module}';
    new HostPorts().reserve({ protocol: 'tcp', ip: '127.0.0.1', port: 7007 });
    console.log('reserved'); process.stdin.resume();`;
  const other = spawn(process.execPath, ['--input-type=module', '-e', source]);
  await once(other.stdout, 'data');
  const ports = new HostPorts();
  t.throws(() => ports.reserve(bind('tcp', '0.0.0.0', 7007)), Conflict);
  // Older kernels say nothing of a socket that is bound and does not listen.
  const holder = kernelIsAtLeast(6, 8) ? `node (pid ${other.pid})` : undefined;
  for (const ip of ['0.0.0.0', '127.0.0.1']) {
    t.equal(await ports.holder(bind('tcp', ip, 7007)), holder, ip);
  }
  t.equal(await ports.holder(bind('tcp', '198.18.0.1', 7007)), undefined, 'another address is not held');
  other.stdin.end();
  await once(other, 'exit');
});

t.test('a port with connections in TIME_WAIT can be had, and is held all the same', async (t) => {
  const server = await listening(7005, '127.0.0.1');
  server.on('connection', (socket) => socket.end());
  const client = connect(7005, '127.0.0.1');
  await once(client, 'end');
  server.close();
  await once(server, 'close');
  await until('the connection is in TIME_WAIT', () =>
    /0100007F:1B5D \S+ 06 /.test(readFileSync('/proc/net/tcp', 'utf8')),
  );
  const ports = new HostPorts();
  const reservation = ports.reserve(bind('tcp', '127.0.0.1', 7005));
  // Node's servers set SO_REUSEADDR.
  await t.rejects(listening(7005, '127.0.0.1'), { code: 'EADDRINUSE' });
  await t.rejects(listening(7005, '0.0.0.0'), { code: 'EADDRINUSE' });
  reservation.release();
  const again = await listening(7005, '127.0.0.1');
  again.close();
  await once(again, 'close');
});

t.test('addresses of other hosts and impossible ports are refused', async (t) => {
  const ports = new HostPorts();
  t.throws(() => ports.reserve(bind('tcp', '198.18.0.9', 7006)), {
    constructor: InvalidArgument,
    message: 'reserve 198.18.0.9:7006/tcp: 198.18.0.9 is not an address of this host',
  });
  t.throws(() => ports.reserve(bind('tcp', 'fe80::1', 7006)), InvalidArgument);
  for (const port of [0, -1, 65536, 1.5]) {
    t.throws(() => ports.reserve(bind('tcp', '0.0.0.0', port)), InvalidArgument);
  }
});

t.test("a chosen port is free in both families and in the kernel's range", async (t) => {
  execFileSync('sysctl', ['-qw', 'net.ipv4.ip_local_port_range=41000 41002']);
  const range = await readEphemeralRange();
  t.same(range, { first: 41000, last: 41002 });
  const taken = [await listening(41000, '127.0.0.1'), await listening(41002, '::1')];
  const ports = new HostPorts();
  const ips = ['0.0.0.0', '::'] as Ip[];
  const reserved = await chooseEphemeral('tcp', ips, range, (binding) => ports.reserve(binding));
  t.same(
    reserved.map(({ binding }) => binding.port),
    [41001, 41001],
  );
  await t.rejects(
    chooseEphemeral('tcp', ips, range, (binding) => ports.reserve(binding)),
    {
      message: 'choose a tcp port on 0.0.0.0, ::: all 3 of 41000–41002 are in use',
    },
  );
  for (const server of taken) server.close();
});

t.test('five thousand reservations are cheap', async (t) => {
  const ports = new HostPorts();
  const before = openFds();
  const start = performance.now();
  const reserved = Array.from({ length: 5000 }, (_, index) =>
    ports.reserve(bind('tcp', '0.0.0.0', 10000 + index)),
  );
  const took = performance.now() - start;
  t.comment(`5,000 reservations: ${took.toFixed(0)} ms`);
  t.equal(openFds(), before + 5000);
  t.ok(took < 2500, 'less than half a millisecond each');
  for (const reservation of reserved) reservation.release();
  t.equal(openFds(), before);
});
