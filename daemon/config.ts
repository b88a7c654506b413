import { readFileSync } from 'node:fs';
import { hostname, networkInterfaces } from 'node:os';
import { Command, CommanderError, Option } from 'commander';
import { parse as parseToml } from 'smol-toml';
import { type Ip, parseIp } from '../core/address.ts';
import { errorMessage, InvalidArgument } from '../core/errors.ts';
import { quote } from '../core/ids.ts';
import { type ListenAddress, parseListenAddress } from './control/index.ts';

/** What weftd was told, complete and checked. */
export interface Config {
  readonly pluginDir: string;
  readonly stateDir: string;
  readonly runDir: string;
  /** Docker's socket, or `none`. */
  readonly docker: string;
  /** Where the hosts of a cluster share what they know: `embedded` is a cluster of one. */
  readonly store: 'embedded' | 'etcd';
  /** `etcd://…`, with `store` etcd. */
  readonly storeUrl?: string;
  /** Files in PEM format. */
  readonly storeTls: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  readonly node: string;
  readonly address?: Ip;
  readonly vxlanPort: number;
  readonly resolver: 'sandbox' | 'off';
  /** Whether a second resolver process stands by. */
  readonly resolverStandby: boolean;
  /** Where Prometheus finds the metrics; undefined: nowhere. */
  readonly metrics: ListenAddress | undefined;
  /** Where the topology page will be; undefined: nowhere. */
  readonly ui: ListenAddress | undefined;
  readonly logLevel: string;
  /** How long Docker must not know an object before it is collected, milliseconds. */
  readonly gcGraceMs: number;
  /** How long a released address rests, milliseconds. */
  readonly restMs: number;
}

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

interface FlagSpec {
  readonly flag: string;
  readonly text: string;
  readonly fallback?: string;
}

/** Every flag once: the command line, the environment (`WEFT_…`) and the file's keys are derived from it. */
const FLAGS: readonly FlagSpec[] = [
  { flag: 'plugin-dir', text: 'where the plugin sockets go', fallback: '/run/docker/plugins' },
  { flag: 'state-dir', text: 'embedded store, node identity, keys', fallback: '/var/lib/weft' },
  { flag: 'run-dir', text: 'control socket and lock', fallback: '/run/weft' },
  { flag: 'docker', text: 'Docker Engine API socket, or none', fallback: '/run/docker.sock' },
  { flag: 'store', text: 'embedded, or etcd://HOST:PORT[,HOST:PORT…]', fallback: 'embedded' },
  { flag: 'store-ca', text: 'certificate authority of etcd, a PEM file; etcd is spoken to over TLS then' },
  { flag: 'store-cert', text: 'certificate that weftd shows to etcd, a PEM file' },
  { flag: 'store-key', text: 'key of that certificate, a PEM file' },
  { flag: 'node', text: "this host's name (default: hostname)" },
  { flag: 'address', text: 'underlay address (default: source address of the default route)' },
  { flag: 'vxlan-port', text: 'UDP port of the overlay', fallback: '4789' },
  { flag: 'resolver', text: 'service discovery inside sandboxes: sandbox or off', fallback: 'sandbox' },
  { flag: 'resolver-standby', text: 'a second resolver process that stands by: on or off', fallback: 'on' },
  { flag: 'metrics', text: 'Prometheus listener, ADDRESS:PORT or off', fallback: '127.0.0.1:9470' },
  { flag: 'ui', text: 'topology page, ADDRESS:PORT or off', fallback: '127.0.0.1:9471' },
  { flag: 'log-level', text: LOG_LEVELS.join(', '), fallback: 'info' },
  {
    flag: 'gc-grace',
    text: 'how long Docker must not know an object before weftd deletes it',
    fallback: '60s',
  },
  { flag: 'address-rest', text: 'how long a released address is not given again', fallback: '30s' },
];

/** What the command line asks for. */
export type Invocation =
  | { readonly action: 'run'; readonly config: Config }
  | { readonly action: 'cleanup'; readonly config: Config }
  | { readonly action: 'migrate'; readonly config: Config; readonly storeUrl: string }
  | { readonly action: 'shown' };

/**
 * Reads flags, then `WEFT_…` variables, then the file of `--config` (TOML, or JSON if it begins with a brace), then
 * defaults: the first that names a setting wins.
 * @throws {InvalidArgument} naming the flag, the value and what is accepted.
 */
export function readInvocation(
  argv: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
  version: string,
): Invocation {
  let action: 'run' | 'cleanup' | 'migrate' = 'run';
  const program = new Command('weftd')
    .description('Networking for plain Docker: network and IPAM plugins, one daemon.')
    .version(version)
    .exitOverride()
    .addOption(
      new Option('--config <file>', 'settings as TOML or JSON, keys named like the flags').env('WEFT_CONFIG'),
    )
    .action(() => undefined);
  for (const { flag, text, fallback } of FLAGS) {
    const value = fallback === undefined ? '' : ` (default: ${fallback})`;
    program.option(`--${flag} <value>`, `${text}${value}`);
  }
  program
    .command('cleanup')
    .description('remove every kernel object that is weft’s, and exit')
    .action(() => {
      action = 'cleanup';
    });
  program
    .command('migrate')
    .description('copy the cluster of this host alone from its own store to the etcd of --store, and exit')
    .action(() => {
      action = 'migrate';
    });
  try {
    program.configureOutput({ writeErr: () => undefined }).parse([...argv], { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return { action: 'shown' };
    throw new InvalidArgument(errorMessage(error).replace(/^error: /, ''), {}, { cause: error });
  }
  const flags = program.opts<Record<string, string | undefined>>();
  const file = flags['config'] === undefined ? {} : readConfigFile(flags['config']);
  return invocation(
    action,
    complete((spec) => setting(spec, flags, environment, file)),
  );
}

function invocation(action: 'run' | 'cleanup' | 'migrate', config: Config): Invocation {
  if (action !== 'migrate') return { action, config };
  if (config.storeUrl === undefined)
    throw wrong('store', config.store, 'etcd://HOST:PORT[,HOST:PORT…], where to copy to');
  return { action, config, storeUrl: config.storeUrl };
}

function setting(
  { flag, fallback }: FlagSpec,
  flags: Readonly<Record<string, string | undefined>>,
  environment: Readonly<Record<string, string | undefined>>,
  file: Readonly<Record<string, string>>,
): string | undefined {
  const camel = flag.replace(/-([a-z])/g, (_all, letter: string) => letter.toUpperCase());
  return (
    flags[camel] ?? environment[`WEFT_${flag.toUpperCase().replaceAll('-', '_')}`] ?? file[flag] ?? fallback
  );
}

function readConfigFile(path: string): Readonly<Record<string, string>> {
  let content: unknown;
  try {
    const text = readFileSync(path, 'utf8');
    content = text.trimStart().startsWith('{') ? JSON.parse(text) : parseToml(text);
  } catch (error) {
    throw new InvalidArgument(`config file ${path}: ${errorMessage(error)}`, {}, { cause: error });
  }
  const known = new Set(FLAGS.map(({ flag }) => flag));
  const settings: Record<string, string> = {};
  for (const [key, value] of Object.entries(content as object)) {
    const flag = key.replaceAll('_', '-');
    if (!known.has(flag)) throw new InvalidArgument(`config file ${path}: there is no setting ${quote(key)}`);
    if (!['string', 'number', 'boolean'].includes(typeof value)) {
      throw new InvalidArgument(`config file ${path}: ${key} is ${quote(value)}: expected text`);
    }
    settings[flag] = String(value);
  }
  return settings;
}

function complete(read: (spec: FlagSpec) => string | undefined): Config {
  const value = (flag: string): string => read(FLAGS.find((each) => each.flag === flag) as FlagSpec) ?? '';
  const address = value('address');
  return {
    pluginDir: directory('plugin-dir', value('plugin-dir')),
    stateDir: directory('state-dir', value('state-dir')),
    runDir: directory('run-dir', value('run-dir')),
    docker:
      value('docker') === 'none' ? 'none' : directory('docker', value('docker').replace(/^unix:\/\//, '')),
    ...store(value),
    node: nodeName(value('node') || hostname()),
    ...(address === '' ? {} : { address: hostAddress(address) }),
    vxlanPort: port('vxlan-port', value('vxlan-port')),
    resolver: oneOf('resolver', value('resolver'), ['sandbox', 'off']),
    resolverStandby: oneOf('resolver-standby', value('resolver-standby'), ['on', 'off']) === 'on',
    metrics: parseListenAddress(value('metrics'), '--metrics'),
    ui: parseListenAddress(value('ui'), '--ui'),
    logLevel: oneOf('log-level', value('log-level'), LOG_LEVELS),
    gcGraceMs: duration('gc-grace', value('gc-grace')),
    restMs: duration('address-rest', value('address-rest')),
  };
}

function store(value: (flag: string) => string): Pick<Config, 'store' | 'storeUrl' | 'storeTls'> {
  const url = value('store');
  const storeTls: Record<string, string> = {};
  for (const part of ['ca', 'cert', 'key']) {
    const file = value(`store-${part}`);
    if (file !== '') storeTls[part] = directory(`store-${part}`, file);
  }
  if ((storeTls['cert'] === undefined) !== (storeTls['key'] === undefined)) {
    const given = storeTls['cert'] === undefined ? 'store-key' : 'store-cert';
    throw wrong(given, value(given), 'the other of --store-cert and --store-key as well');
  }
  if (url === 'embedded') return { store: 'embedded', storeTls };
  if (!/^etcds?:\/\//.test(url)) throw wrong('store', url, 'embedded or etcd://HOST:PORT[,HOST:PORT…]');
  return { store: 'etcd', storeUrl: url, storeTls };
}

function wrong(flag: string, value: string, accepted: string): InvalidArgument {
  return new InvalidArgument(`--${flag} is ${quote(value)}: expected ${accepted}`, { field: flag });
}

function directory(flag: string, value: string): string {
  if (!value.startsWith('/') || value.includes('\0')) throw wrong(flag, value, 'an absolute path');
  return value;
}

function oneOf<Choice extends string>(flag: string, value: string, choices: readonly Choice[]): Choice {
  const choice = choices.find((each) => each === value);
  if (choice === undefined) throw wrong(flag, value, `one of ${choices.join(', ')}`);
  return choice;
}

/** An address another host can send to: it must be one of this host's. */
function hostAddress(text: string): Ip {
  const ip = parseIp(text, '--address');
  const own = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  if (!own.some(({ address }) => address === ip)) throw wrong('address', text, 'an address of this host');
  return ip;
}

function nodeName(value: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/.test(value)) {
    throw wrong('node', value, '1–63 letters, digits, ".", "_" or "-"');
  }
  return value;
}

function port(flag: string, value: string): number {
  const number = Number(value);
  if (!/^\d{1,5}$/.test(value) || number < 1 || number > 65_535)
    throw wrong(flag, value, 'a port from 1 to 65535');
  return number;
}

/** `250ms`, `30s`, `5m`, `2h` in milliseconds. */
function duration(flag: string, value: string): number {
  const match = /^(\d{1,7})(ms|s|m|h)$/.exec(value);
  if (match === null) throw wrong(flag, value, 'a duration like 500ms, 30s, 5m or 2h');
  const unit = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[match[2] as 'ms' | 's' | 'm' | 'h'];
  return Number(match[1]) * unit;
}
