import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test, vi } from 'vitest';
import type { Ip } from '../core/address.ts';
import { InvalidArgument } from '../core/errors.ts';
import { type Config, readInvocation } from './config.ts';

const folder = mkdtempSync(join(tmpdir(), 'weft-config-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(text: string): string {
  const path = join(folder, `${Math.random()}.conf`);
  writeFileSync(path, text);
  return path;
}

function read(argv: readonly string[], environment: Record<string, string> = {}): Config {
  const invocation = readInvocation(argv, environment, '1.2.3');
  if (invocation.action === 'shown') throw new Error('only shown');
  return invocation.config;
}

const DEFAULTS: Config = {
  pluginDir: '/run/docker/plugins',
  stateDir: '/var/lib/weft',
  runDir: '/run/weft',
  docker: '/run/docker.sock',
  store: 'embedded',
  storeTls: {},
  node: hostname(),
  vxlanPort: 4789,
  resolver: 'sandbox',
  resolverStandby: true,
  metrics: { ip: '127.0.0.1' as Ip, port: 9470 },
  ui: { ip: '127.0.0.1' as Ip, port: 9471 },
  logLevel: 'info',
  gcGraceMs: 60_000,
  restMs: 30_000,
};

/** Flag, a text, the field it ends in and the value there. */
const SETTINGS: readonly (readonly [string, string, keyof Config, unknown])[] = [
  ['plugin-dir', '/a', 'pluginDir', '/a'],
  ['state-dir', '/b', 'stateDir', '/b'],
  ['run-dir', '/c', 'runDir', '/c'],
  ['docker', 'none', 'docker', 'none'],
  ['docker', 'unix:///d.sock', 'docker', '/d.sock'],
  ['store', 'embedded', 'store', 'embedded'],
  ['store', 'etcd://h1:2379,h2:2379', 'storeUrl', 'etcd://h1:2379,h2:2379'],
  ['store', 'etcd://h1:2379', 'store', 'etcd'],
  ['store-ca', '/ca.pem', 'storeTls', { ca: '/ca.pem' }],
  ['node', 'host-7', 'node', 'host-7'],
  ['address', '127.0.0.1', 'address', '127.0.0.1'],
  ['vxlan-port', '8472', 'vxlanPort', 8472],
  ['resolver', 'off', 'resolver', 'off'],
  ['resolver-standby', 'off', 'resolverStandby', false],
  ['metrics', 'off', 'metrics', undefined],
  ['metrics', '[::1]:99', 'metrics', { ip: '::1', port: 99 }],
  ['ui', 'off', 'ui', undefined],
  ['log-level', 'debug', 'logLevel', 'debug'],
  ['gc-grace', '250ms', 'gcGraceMs', 250],
  ['gc-grace', '5m', 'gcGraceMs', 300_000],
  ['address-rest', '2h', 'restMs', 7_200_000],
];

describe('settings', () => {
  test('have defaults', () => {
    expect(read([])).toEqual(DEFAULTS);
  });

  test.each(SETTINGS)('--%s %s as a flag', (flag, text, field, value) => {
    expect(read([`--${flag}`, text])[field]).toEqual(value);
    expect(read([`--${flag}=${text}`])[field]).toEqual(value);
  });

  test.each(SETTINGS)('--%s %s from the environment', (flag, text, field, value) => {
    const name = `WEFT_${flag.toUpperCase().replaceAll('-', '_')}`;
    expect(read([], { [name]: text })[field]).toEqual(value);
  });

  test.each(SETTINGS)(
    '--%s %s from files, TOML and JSON, with hyphens or underscores',
    (flag, text, field, value) => {
      const keys = [flag, flag.replaceAll('-', '_')];
      for (const key of keys) {
        expect(read(['--config', file(`${key} = "${text}"\n`)])[field]).toEqual(value);
        expect(read(['--config', file(` \n${JSON.stringify({ [key]: text })}`)])[field]).toEqual(value);
      }
    },
  );

  test('a number in a file is as good as its text', () => {
    expect(read(['--config', file('vxlan-port = 8472')]).vxlanPort).toBe(8472);
  });

  test('the flag beats the environment, which beats the file, which beats the default', () => {
    const config = file('node = "file"\nresolver = "off"\nlog-level = "warn"\n');
    const environment = { WEFT_NODE: 'environment', WEFT_LOG_LEVEL: 'error', WEFT_CONFIG: config };
    expect(read(['--node', 'flag', '--config', config], environment)).toMatchObject({
      node: 'flag',
      logLevel: 'error',
      resolver: 'off',
      store: 'embedded',
      storeTls: {},
    });
  });

  test('are the same for cleanup', () => {
    expect(readInvocation(['--state-dir', '/x', 'cleanup'], {}, '1')).toMatchObject({
      action: 'cleanup',
      config: { stateDir: '/x' },
    });
  });

  test('and for migrate, which needs to know where to', () => {
    const argv = ['migrate', '--store', 'etcd://h1:2379', '--state-dir', '/x'];
    expect(readInvocation(argv, {}, '1')).toMatchObject({
      action: 'migrate',
      storeUrl: 'etcd://h1:2379',
      config: { stateDir: '/x' },
    });
    expect(() => readInvocation(['migrate'], {}, '1')).toThrow(
      '--store is "embedded": expected etcd://HOST:PORT[,HOST:PORT…], where to copy to',
    );
  });

  test.each([['--help'], ['--version']])('%s shows and does nothing', (flag) => {
    const written = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    expect(readInvocation([flag], {}, '1.2.3')).toEqual({ action: 'shown' });
    expect(written.mock.calls.join('')).toMatch(flag === '--version' ? /^1\.2\.3/ : /--address-rest <value>/);
    written.mockRestore();
  });
});

describe('a wrong value is refused in words', () => {
  test.each([
    ['plugin-dir', 'relative', '--plugin-dir is "relative": expected an absolute path'],
    ['state-dir', '', '--state-dir is "": expected an absolute path'],
    ['run-dir', '/a\0b', 'expected an absolute path'],
    ['docker', 'tcp://x:1', '--docker is "tcp://x:1": expected an absolute path'],
    ['store', 'etcd', '--store is "etcd": expected embedded or etcd'],
    ['node', '-x', '--node is "-x": expected 1–63 letters, digits, ".", "_" or "-"'],
    ['node', 'x'.repeat(64), 'expected 1–63 letters'],
    ['address', '10.0.0.0/8', '--address "10.0.0.0/8" is not an IP address'],
    ['address', '192.0.2.7', '--address is "192.0.2.7": expected an address of this host'],
    ['ui', '9471', '--ui'],
    ['vxlan-port', '0', '--vxlan-port is "0": expected a port from 1 to 65535'],
    ['vxlan-port', '65536', 'expected a port from 1 to 65535'],
    ['vxlan-port', '1e3', 'expected a port from 1 to 65535'],
    ['resolver', 'on', '--resolver is "on": expected one of sandbox, off'],
    ['resolver-standby', 'yes', '--resolver-standby is "yes": expected one of on, off'],
    ['metrics', '9470', '--metrics'],
    [
      'log-level',
      'loud',
      '--log-level is "loud": expected one of trace, debug, info, warn, error, fatal, silent',
    ],
    ['gc-grace', '60', '--gc-grace is "60": expected a duration like 500ms, 30s, 5m or 2h'],
    ['address-rest', '-1s', '--address-rest is "-1s": expected a duration'],
  ])('--%s %j', (flag, text, message) => {
    const from =
      (argv: readonly string[], environment = {}) =>
      () =>
        read(argv, environment);
    const name = `WEFT_${flag.toUpperCase().replaceAll('-', '_')}`;
    for (const attempt of [from([`--${flag}=${text}`]), from([], { [name]: text })]) {
      expect(attempt).toThrow(InvalidArgument);
      expect(attempt).toThrow(message);
    }
  });

  test.each([
    [['--nod', 'x'], /unknown option '--nod'/],
    [['--node'], /argument missing/],
    [['frobnicate'], /frobnicate|too many arguments/],
  ])('%j', (argv, message) => {
    expect(() => read(argv)).toThrow(InvalidArgument);
    expect(() => read(argv)).toThrow(message);
  });

  test.each([
    ['colour = "red"', /there is no setting "colour"/],
    ['node = ["a"]', /node is \["a"\]: expected text/],
    ['node = ', /config file .*: /],
    ['{"node": }', /config file .*: /],
  ])('the file %j', (text, message) => {
    const path = file(text);
    expect(() => read(['--config', path])).toThrow(InvalidArgument);
    expect(() => read(['--config', path])).toThrow(message);
  });

  test('a file that is not there', () => {
    expect(() => read(['--config', '/nowhere/weft.toml'])).toThrow(
      /config file \/nowhere\/weft\.toml: ENOENT/,
    );
  });
});
