import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { Agent } from 'node:http';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { InvalidArgument } from '../../core/errors.ts';
import { call, exchange, rawExchange } from './plugin-client.ts';
import { eventually, hexId, latch, openFixture, temporaryDirectory } from './plugin-fixture.ts';

const NETWORK = { NetworkID: hexId('a') };
const CONTENT_TYPE = 'application/vnd.docker.plugins.v1.2+json';

describe('T1 Content-Type', () => {
  test.each([
    ['none', {}],
    ['JSON', { 'Content-Type': 'application/json' }],
    ['something else', { 'Content-Type': 'text/plain; charset=latin1' }],
    ['no media type at all', { 'Content-Type': ';;/=,' }],
    ['an empty one', { 'Content-Type': '' }],
  ])('a body with %s is read', async (_title, headers) => {
    await using fixture = await openFixture();
    const answer = await exchange(fixture.bridge, {
      path: '/NetworkDriver.DeleteNetwork',
      headers: { Host: 'x', ...headers },
      body: JSON.stringify(NETWORK),
    });
    expect(answer).toMatchObject({ status: 200, contentType: CONTENT_TYPE, json: {} });
    expect(fixture.recorder.of('deleteNetwork')).toEqual([hexId('a')]);
  });
});

describe('T2 empty body', () => {
  test.each([
    'CreateNetwork',
    'DeleteNetwork',
    'CreateEndpoint',
    'DeleteEndpoint',
    'Join',
    'Leave',
    'EndpointOperInfo',
    'ProgramExternalConnectivity',
    'RevokeExternalConnectivity',
    'GwAllocCheck',
    'AllocateNetwork',
    'FreeNetwork',
    'DiscoverNew',
    'DiscoverDelete',
  ])('NetworkDriver.%s without arguments is an error, and nothing is called', async (method) => {
    await using fixture = await openFixture();
    const answer = await call(fixture.bridge, `NetworkDriver.${method}`);
    expect(answer.status).toBe(500);
    expect(answer.json?.['Err']).toContain(`NetworkDriver.${method} came with an empty request body`);
    expect(answer.json?.['Error']).toBe(answer.json?.['Err']);
    expect(fixture.recorder.calls).toEqual([]);
  });

  test.each(['RequestPool', 'ReleasePool', 'RequestAddress', 'ReleaseAddress'])(
    'IpamDriver.%s without arguments is an error, and nothing is called',
    async (method) => {
      await using fixture = await openFixture();
      const answer = await exchange(fixture.ipam, { path: `/IpamDriver.${method}`, body: ' \n' });
      expect(answer.status).toBe(500);
      expect(answer.json?.['Error']).toContain('empty request body');
      expect(fixture.recorder.calls).toEqual([]);
    },
  );

  test('a call without arguments ignores a body, even one that is not JSON', async () => {
    await using fixture = await openFixture();
    for (const body of ['{', '{}', '\xff\xfe', 'x'.repeat(5000)]) {
      const answer = await exchange(fixture.bridge, { path: '/NetworkDriver.GetCapabilities', body });
      expect(answer).toMatchObject({ status: 200, json: { Scope: 'local' } });
    }
  });
});

describe('T3 unknown method', () => {
  test.each([
    ['POST', '/NetworkDriver.Migrate'],
    ['POST', '/networkdriver.Join'],
    ['POST', '/NetworkDriver.Join/'],
    ['POST', '//NetworkDriver.Join'],
    ['POST', '/'],
    ['POST', '/IpamDriver.RequestPool'],
    ['POST', '/VolumeDriver.List'],
    ['POST', '/%zz'],
    ['POST', '/../etc/passwd'],
    ['GET', '/Plugin.Activate'],
    ['PUT', '/NetworkDriver.Join'],
    ['DELETE', '/NetworkDriver.DeleteNetwork'],
    ['OPTIONS', '/NetworkDriver.Join'],
    ['PROPFIND', '/NetworkDriver.Join'],
    ['PATCH', '/NetworkDriver.Join'],
  ])('%s %s is answered 404 with Err', async (method, path) => {
    await using fixture = await openFixture();
    const answer = await exchange(fixture.bridge, { method, path, body: '{}' });
    expect(answer).toMatchObject({ status: 404, contentType: CONTENT_TYPE });
    expect(answer.json?.['Err']).toContain(JSON.stringify(path));
    expect(answer.json?.['Error']).toBe(answer.json?.['Err']);
  });

  test('each socket serves its own kind only', async () => {
    await using fixture = await openFixture();
    expect((await call(fixture.bridge, 'Plugin.Activate')).json).toEqual({ Implements: ['NetworkDriver'] });
    expect((await call(fixture.ipam, 'Plugin.Activate')).json).toEqual({ Implements: ['IpamDriver'] });
    expect((await call(fixture.ipam, 'NetworkDriver.GetCapabilities')).status).toBe(404);
    expect((await call(fixture.bridge, 'IpamDriver.GetCapabilities')).status).toBe(404);
  });
});

describe('T4 wrong JSON', () => {
  test.each([
    ['{"NetworkID":', 'it ends at position 13 where value is expected'],
    ['{"NetworkID" "x"}', '":" is expected at position 13'],
    ['{"NetworkID":"x"}}', 'nothing is expected at position 17'],
    ['NetworkID=x', 'value is expected at position 0'],
    ['[1,2', 'position 4'],
    ['["x"]', 'request body ["x"] must be object'],
    ['null', 'request body null must be object'],
    ['7', 'request body 7 must be object'],
    [`{"NetworkID":"${'a'.repeat(64)}"`, 'position 79'],
  ])('%s is answered 400 with the position', async (body, message) => {
    await using fixture = await openFixture();
    const answer = await exchange(fixture.bridge, { path: '/NetworkDriver.DeleteNetwork', body });
    expect(answer).toMatchObject({ status: 400, contentType: CONTENT_TYPE });
    expect(answer.json?.['Err']).toContain(message);
    expect(answer.json?.['Error']).toBe(answer.json?.['Err']);
  });

  test('bytes that are no HTTP are answered 400 with Err', async () => {
    await using fixture = await openFixture();
    const text = await rawExchange(fixture.bridge, 'hello\r\n\r\n');
    expect(text).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    expect(JSON.parse(text.slice(text.indexOf('\r\n\r\n')))).toMatchObject({
      Err: expect.stringContaining('not an HTTP request'),
    });
    expect((await call(fixture.bridge, 'Plugin.Activate')).status).toBe(200);
  });

  test('a body one byte over the limit is answered 413, one at the limit is read', async () => {
    await using fixture = await openFixture();
    const padded = (size: number) => JSON.stringify(NETWORK).padEnd(size);
    const path = '/NetworkDriver.DeleteNetwork';
    expect((await exchange(fixture.bridge, { path, body: padded(1_048_576) })).status).toBe(200);
    const answer = await exchange(fixture.bridge, { path, body: padded(1_048_577) });
    expect(answer.status).toBe(413);
    expect(answer.json?.['Err']).toContain('larger than 1048576 bytes');
    expect((await exchange(fixture.bridge, { path, body: padded(9_000_000) })).status).toBe(413);
    expect(fixture.recorder.calls).toHaveLength(1);
  });

  test('a chunked body is read too', async () => {
    await using fixture = await openFixture();
    const body = JSON.stringify(NETWORK);
    const text = await rawExchange(
      fixture.bridge,
      `POST /NetworkDriver.DeleteNetwork HTTP/1.1\r\nHost:\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
    );
    expect(text).toMatch(/^HTTP\/1\.1 200 /);
    expect(fixture.recorder.of('deleteNetwork')).toHaveLength(1);
  });
});

describe('T5 Host header', () => {
  test.each([
    'Host: plugin.moby.localhost\r\n',
    'Host:\r\n',
    'Host: %2Frun%2Fdocker%2Fplugins%2Fweft-bridge.sock\r\n',
    'Host: :::///??\r\n',
    'host: a b c\r\n',
    '',
    'Host: x\r\nExpect: something\r\n',
  ])('%j is accepted', async (header) => {
    await using fixture = await openFixture();
    const text = await rawExchange(
      fixture.bridge,
      `POST /Plugin.Activate HTTP/1.1\r\n${header}User-Agent: Go-http-client/1.1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`,
    );
    expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(text).toContain('{"Implements":["NetworkDriver"]}');
  });
});

describe('T7 parallel calls', () => {
  test('eight calls run at the same time, on one connection each, and each gets its own answer', async () => {
    await using fixture = await openFixture();
    const all = latch();
    fixture.recorder.before = () => (fixture.recorder.calls.length === 8 ? all.open() : all.opened);
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, i) =>
        call(fixture.ipam, 'IpamDriver.RequestPool', { AddressSpace: `s${i}`, Pool: `198.18.${i}.0/24` }),
      ),
    );
    expect(answers.map(({ json }) => json?.['PoolID'])).toEqual(
      Array.from({ length: 8 }, (_, i) => `s${i}/198.18.${i}.0/24`),
    );
  });

  test('one connection serves call after call', async () => {
    await using fixture = await openFixture();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    for (let i = 0; i < 100; i++) {
      const answer = await exchange(fixture.bridge, { path: '/Plugin.Activate', agent });
      expect(answer).toMatchObject({ status: 200, connection: 'keep-alive' });
    }
    agent.destroy();
  });
});

function gone(path: string): Promise<boolean> {
  return stat(path).then(
    () => false,
    () => true,
  );
}

describe('T8 closing', () => {
  test('a running call ends, its answer is delivered, then the socket file goes', async () => {
    const fixture = await openFixture();
    const work = latch();
    fixture.recorder.before = () => work.opened;
    const agent = new Agent({ keepAlive: true });
    const answer = exchange(fixture.bridge, {
      path: '/NetworkDriver.DeleteNetwork',
      body: JSON.stringify(NETWORK),
      agent,
    });
    await eventually(() => fixture.recorder.calls.length === 1);
    const closed = fixture.server.close();

    await expect(call(fixture.bridge, 'Plugin.Activate')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    expect((await stat(fixture.bridge)).isSocket()).toBe(true);
    work.open();
    expect(await answer).toMatchObject({ status: 200, connection: 'close', json: {} });
    await closed;
    await expect(stat(fixture.bridge)).rejects.toMatchObject({ code: 'ENOENT' });
    agent.destroy();
    await rm(fixture.directory, { recursive: true });
  });

  test('idle connections do not hold it up, used or not', async () => {
    const fixture = await openFixture();
    const agent = new Agent({ keepAlive: true });
    await exchange(fixture.bridge, { path: '/Plugin.Activate', agent });
    const unused = connect(fixture.bridge);
    await once(unused, 'connect');
    const dropped = once(unused, 'close');
    await fixture.server.close();
    await dropped;
    agent.destroy();
    await rm(fixture.directory, { recursive: true });
  });

  test('a client that goes away in the middle of its request does not hold it up', async () => {
    const fixture = await openFixture();
    const half = connect(fixture.bridge);
    await once(half, 'connect');
    half.write('POST /NetworkDriver.Join HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"Netw');
    await call(fixture.bridge, 'Plugin.Activate');
    half.destroy();
    await fixture.server.close();
    await rm(fixture.directory, { recursive: true });
  });

  test('a call whose caller has gone runs to its end before close resolves', async () => {
    const fixture = await openFixture();
    const work = latch();
    let finished = false;
    fixture.recorder.before = async () => {
      await work.opened;
      finished = true;
    };
    const client = connect(fixture.bridge);
    const body = JSON.stringify(NETWORK);
    client.write(
      `POST /NetworkDriver.DeleteNetwork HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    await eventually(() => fixture.recorder.calls.length === 1);
    client.destroy();
    const closed = fixture.server.close().then(() => finished);
    await eventually(() => gone(fixture.ipam));
    for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(await gone(fixture.bridge)).toBe(false);
    work.open();
    expect(await closed).toBe(true);
    expect(await gone(fixture.bridge)).toBe(true);
    await rm(fixture.directory, { recursive: true });
  });

  test('a connection that is open already is served until the last answer has left', async () => {
    const fixture = await openFixture();
    const early = connect(fixture.bridge);
    await once(early, 'connect');
    const work = latch();
    fixture.recorder.before = () => work.opened;
    const slow = call(fixture.bridge, 'NetworkDriver.DeleteNetwork', NETWORK);
    await eventually(() => fixture.recorder.calls.length === 1);
    const closed = fixture.server.close();
    early.write('POST /Plugin.Activate HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n');
    const [answer] = await once(early, 'data');
    expect(String(answer)).toMatch(/^HTTP\/1\.1 200 /);
    expect(String(answer)).toMatch(/^connection: close/im);
    work.open();
    expect((await slow).status).toBe(200);
    await closed;
    await rm(fixture.directory, { recursive: true });
  });

  test('closing twice is closing once', async () => {
    const fixture = await openFixture();
    expect(fixture.server.close()).toBe(fixture.server.close());
    await fixture.server.close();
    await rm(fixture.directory, { recursive: true });
  });
});

describe('T9 socket files', () => {
  test('the socket of a daemon that was killed is replaced', async () => {
    const directory = await temporaryDirectory();
    const path = join(directory, 'weft-bridge.sock');
    const script = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => console.log('up'))`;
    const dead = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(dead.stdout, 'data');
    dead.kill('SIGKILL');
    await once(dead, 'exit');
    expect((await stat(path)).isSocket()).toBe(true);

    await using fixture = await openFixture({ directory });
    expect((await call(fixture.bridge, 'Plugin.Activate')).status).toBe(200);
  });

  test('the socket of a daemon that lives is left alone', async () => {
    await using first = await openFixture();
    await expect(openFixture({ directory: first.directory })).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('another process answers at'),
    });
    for (const path of first.server.sockets) expect((await call(path, 'Plugin.Activate')).status).toBe(200);
  });

  test('the socket of a daemon that hangs is left alone, even when its queue is full', async () => {
    const directory = await temporaryDirectory();
    const path = join(directory, 'weft-bridge.sock');
    const script = `require('node:net').createServer().listen({ path: ${JSON.stringify(path)}, backlog: 1 }, () => console.log('up'))`;
    const hung = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => void hung.kill('SIGKILL'));
    await once(hung.stdout, 'data');
    hung.kill('SIGSTOP');
    const waiting: Socket[] = [];
    let refusal: NodeJS.ErrnoException | undefined;
    while (refusal === undefined) {
      const socket = connect(path);
      waiting.push(socket);
      refusal = await Promise.race([
        once(socket, 'connect').then(() => undefined),
        once(socket, 'error').then(([error]) => error),
      ]).catch((error) => error);
    }
    expect(refusal.code).toBe('EAGAIN');
    await expect(openFixture({ directory })).rejects.toMatchObject({ code: 'conflict' });
    for (const socket of waiting) socket.destroy();
    await rm(directory, { recursive: true });
  });

  test('a file that is no socket is left alone, and the sockets that were open already go', async () => {
    const directory = await temporaryDirectory();
    await writeFile(join(directory, 'weft-none.sock'), 'mine');
    await expect(openFixture({ directory })).rejects.toMatchObject({ code: 'conflict' });
    await expect(stat(join(directory, 'weft.sock'))).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(stat(join(directory, 'weft.new'))).rejects.toMatchObject({ code: 'ENOENT' });
    await rm(directory, { recursive: true });
  });

  test('a missing directory is made with mode 0755, sockets have mode 0660, nothing else is left', async () => {
    const parent = await temporaryDirectory();
    onTestFinished(() => rm(parent, { recursive: true }));
    const directory = join(parent, 'docker', 'plugins');
    await using fixture = await openFixture({ directory });
    expect((await stat(directory)).mode & 0o777).toBe(0o755);
    for (const path of fixture.server.sockets) expect((await stat(path)).mode & 0o777).toBe(0o660);
    expect(fixture.server.sockets.map((path) => path.slice(directory.length + 1)).sort()).toEqual([
      'weft-bridge.sock',
      'weft-none.sock',
      'weft.sock',
    ]);
  });

  test('the mode of a directory that is there already is not changed', async () => {
    const parent = await temporaryDirectory();
    onTestFinished(() => rm(parent, { recursive: true }));
    const directory = join(parent, 'p');
    await mkdir(directory);
    await chmod(directory, 0o700);
    await using fixture = await openFixture({ directory });
    expect((await stat(fixture.directory)).mode & 0o777).toBe(0o700);
  });

  test('a successor keeps its socket when its predecessor closes late', async () => {
    const fixture = await openFixture();
    await rm(fixture.bridge);
    await rm(fixture.ipam);
    await using successor = await openFixture({
      directory: fixture.directory,
      networkDrivers: ['weft-bridge'],
    });
    await fixture.server.close();
    expect((await call(successor.bridge, 'Plugin.Activate')).status).toBe(200);
  });

  test('a path that no Unix socket can have is refused by name', async () => {
    await expect(openFixture({ directory: `/tmp/${'x'.repeat(100)}` })).rejects.toBeInstanceOf(
      InvalidArgument,
    );
  });
});

describe('T10 tolerance', () => {
  test('field names match in any case, unknown fields are ignored', async () => {
    await using fixture = await openFixture();
    const answer = await call(fixture.bridge, 'NetworkDriver.CreateEndpoint', {
      networkid: hexId('a'),
      ENDPOINTID: hexId('e'),
      interface: { ADDRESS: '198.18.0.2/24', macaddress: '', Speed: 10 },
      Options: null,
      Whatever: { deep: [1, 2, { x: null }] },
    });
    expect(answer.status).toBe(200);
    expect(fixture.recorder.of('createEndpoint')).toEqual([
      { id: hexId('e'), networkId: hexId('a'), ipv4: { ip: '198.18.0.2', prefix: 24 }, options: {} },
    ]);
  });

  test('prototype keys are data, in fields that are ignored', async () => {
    await using fixture = await openFixture();
    const body = `{"NetworkID":"${hexId('a')}","__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}`;
    const answer = await exchange(fixture.bridge, { path: '/NetworkDriver.DeleteNetwork', body });
    expect(answer.status).toBe(200);
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
  });
});
