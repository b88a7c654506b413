import { describe, expect, test } from 'vitest';
import { DecodeError, Internal, InvalidArgument, KernelError } from '../../core/errors.ts';
import { call } from './plugin-client.ts';
import { eventually, hexId, latch, openFixture } from './plugin-fixture.ts';

const NETWORK = { NetworkID: hexId('a') };
const ENDPOINT = { ...NETWORK, EndpointID: hexId('e') };

describe('errors', () => {
  const leave = (path: string) => call(path, 'NetworkDriver.Leave', ENDPOINT);

  test('the message of an error of ours is answered as it is', async () => {
    await using fixture = await openFixture();
    fixture.recorder.before = () => {
      throw new KernelError('create veth wv-x: file exists', { errno: 'EEXIST' });
    };
    expect(await leave(fixture.bridge)).toMatchObject({
      status: 500,
      json: { Err: 'create veth wv-x: file exists', Error: 'create veth wv-x: file exists' },
    });
  });

  test('a wrong value that only the backend recognises is the caller’s fault', async () => {
    await using fixture = await openFixture();
    fixture.recorder.before = () => {
      throw new InvalidArgument('option "x" "y" must be z');
    };
    expect(await leave(fixture.bridge)).toMatchObject({
      status: 400,
      json: { Err: 'option "x" "y" must be z' },
    });
  });

  test('several errors of ours are answered together', async () => {
    await using fixture = await openFixture();
    fixture.recorder.before = () => {
      throw new AggregateError([new InvalidArgument('one'), new KernelError('two', { errno: 'EBUSY' })]);
    };
    expect(await leave(fixture.bridge)).toMatchObject({ status: 500, json: { Err: 'one; two' } });
  });

  test('bytes that the backend could not decode are not the caller’s fault', async () => {
    await using fixture = await openFixture();
    fixture.recorder.before = () => {
      throw new DecodeError('netlink message is cut short');
    };
    expect(await leave(fixture.bridge)).toMatchObject({
      status: 500,
      json: { Err: 'netlink message is cut short' },
    });
  });

  test.each([
    ['an Internal', new Internal('secret detail')],
    [
      'several of which one is not ours',
      new AggregateError([new InvalidArgument('one'), new Error('secret')]),
    ],
    ['several of which none is there', new AggregateError([], 'secret')],
    ['something that is no Error', 'secret'],
    ['nothing', undefined],
  ])('%s is a fixed sentence', async (_title, thrown) => {
    await using fixture = await openFixture();
    fixture.recorder.before = () => {
      throw thrown;
    };
    const answer = await leave(fixture.bridge);
    expect(answer).toMatchObject({ status: 500, json: { Err: expect.stringContaining('its log') } });
    expect(answer.text).not.toContain('secret');
    expect(fixture.log.some(({ level }) => level === 50)).toBe(true);
  });

  test('any other error is a fixed sentence, and its stack is logged', async () => {
    await using fixture = await openFixture();
    fixture.recorder.before = () => {
      throw new TypeError('secret detail');
    };
    const answer = await leave(fixture.bridge);
    expect(answer).toMatchObject({ status: 500, json: { Err: expect.stringContaining('its log') } });
    expect(answer.text).not.toContain('secret');
    const line = fixture.log.find(({ level }) => level === 50);
    expect(line).toMatchObject({ method: 'NetworkDriver.Leave', err: { message: 'secret detail' } });
    expect(JSON.stringify(line)).toContain('calls.test.ts');
  });

  test('EndpointOperInfo succeeds even when the backend fails', async () => {
    await using fixture = await openFixture();
    fixture.recorder.before = () => {
      throw new Error('no');
    };
    expect(await call(fixture.bridge, 'NetworkDriver.EndpointOperInfo', ENDPOINT)).toMatchObject({
      status: 200,
      json: { Value: {} },
    });
    expect(fixture.log.some(({ level }) => level === 50)).toBe(true);
  });
});

describe('readiness and deadlines', () => {
  test('handshakes answer before the daemon is ready, other calls wait for it', async () => {
    const ready = latch();
    await using fixture = await openFixture({ ready: ready.opened });
    expect((await call(fixture.bridge, 'Plugin.Activate')).status).toBe(200);
    expect((await call(fixture.bridge, 'NetworkDriver.GetCapabilities')).json).toEqual({
      Scope: 'local',
      ConnectivityScope: 'local',
      GwAllocChecker: true,
    });
    expect((await call(fixture.ipam, 'IpamDriver.GetCapabilities')).json).toEqual({
      RequiresMACAddress: false,
      RequiresRequestReplay: false,
    });
    expect((await call(fixture.ipam, 'IpamDriver.GetDefaultAddressSpaces')).json).toEqual({
      LocalDefaultAddressSpace: 'weft-local',
      GlobalDefaultAddressSpace: 'weft-global',
    });
    const waiting = call(fixture.bridge, 'NetworkDriver.DeleteNetwork', NETWORK);
    expect((await call(fixture.bridge, 'NetworkDriver.DeleteNetwork', {})).status).toBe(400);
    expect(fixture.recorder.calls).toEqual([]);
    ready.open();
    expect((await waiting).status).toBe(200);
  });

  test('a daemon that does not become ready is an error, and the call is not made later', async () => {
    const ready = latch();
    const deadlines = { readyMs: 30, callMs: 2000 };
    await using fixture = await openFixture({ ready: ready.opened, deadlines });
    const answer = await call(fixture.bridge, 'NetworkDriver.DeleteNetwork', NETWORK);
    expect(answer).toMatchObject({ status: 500, json: { Err: expect.stringContaining('still starting') } });
    ready.open();
    expect((await call(fixture.bridge, 'NetworkDriver.FreeNetwork', NETWORK)).status).toBe(200);
    expect(fixture.recorder.of('deleteNetwork')).toEqual([]);
  });

  test('a daemon that fails to start says so', async () => {
    const { promise, reject } = Promise.withResolvers<void>();
    await using fixture = await openFixture({ ready: promise });
    reject(new Error('no store'));
    const answer = await call(fixture.bridge, 'NetworkDriver.DeleteNetwork', NETWORK);
    expect(answer).toMatchObject({ status: 500, json: { Err: 'weftd failed to start' } });
  });

  test('a call that takes too long is answered, goes on, and its end is logged', async () => {
    const seen: unknown[] = [];
    await using fixture = await openFixture({
      deadlines: { readyMs: 20, callMs: 40 },
      observe: (method, plugin, seconds, outcome) => seen.push([method, plugin, seconds >= 0.03, outcome]),
    });
    const work = latch();
    fixture.recorder.before = () => work.opened;
    const answer = await call(fixture.bridge, 'NetworkDriver.DeleteNetwork', NETWORK);
    expect(answer).toMatchObject({
      status: 500,
      json: { Err: 'NetworkDriver.DeleteNetwork has not finished after 0.04 s; it goes on' },
    });
    expect(seen).toEqual([['NetworkDriver.DeleteNetwork', 'weft-bridge', true, 'late']]);
    work.open();
    await eventually(() => fixture.log.some(({ msg }) => msg === 'call done after its deadline'));
  });
});

describe('log and measurements', () => {
  test('a change is one line with its ids, its duration and who asked', async () => {
    const seen: unknown[] = [];
    await using fixture = await openFixture({
      observe: (method, plugin, _seconds, outcome) => seen.push([method, plugin, outcome]),
    });
    await call(fixture.bridge, 'Plugin.Activate');
    await call(fixture.bridge, 'NetworkDriver.Join', { ...ENDPOINT, SandboxKey: '/run/docker/netns/abc' });
    await call(fixture.bridge, 'NetworkDriver.EndpointOperInfo', ENDPOINT);
    await call(fixture.bridge, 'NetworkDriver.Join', ENDPOINT);
    await call(fixture.ipam, 'IpamDriver.ReleasePool', { PoolID: 'p' });
    expect(fixture.log.filter(({ level }) => level === 30)).toEqual([
      expect.objectContaining({
        plugin: 'weft-bridge',
        method: 'NetworkDriver.Join',
        networkId: hexId('a'),
        endpointId: hexId('e'),
        sandboxKey: '/run/docker/netns/abc',
        userAgent: 'Go-http-client/1.1',
        ms: expect.any(Number),
        outcome: 'ok',
      }),
      expect.objectContaining({ plugin: 'weft', method: 'IpamDriver.ReleasePool', poolId: 'p' }),
    ]);
    expect(seen).toEqual([
      ['Plugin.Activate', 'weft-bridge', 'ok'],
      ['NetworkDriver.Join', 'weft-bridge', 'ok'],
      ['NetworkDriver.EndpointOperInfo', 'weft-bridge', 'ok'],
      ['NetworkDriver.Join', 'weft-bridge', 'rejected'],
      ['IpamDriver.ReleasePool', 'weft', 'ok'],
    ]);
  });
});
