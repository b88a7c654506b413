import type { Logger } from 'pino';
import type { DriverName } from '../../core/model.ts';
import type { IpamBackend, NetworkBackend } from './backend.ts';
import type { Deadlines, ObserveCall, PluginName } from './call-runner.ts';
import { endpointMethods } from './endpoint-methods.ts';
import { ipamMethods } from './ipam-methods.ts';
import type { Method } from './method.ts';
import { networkMethods } from './network-methods.ts';
import { PluginSocket } from './plugin-socket.ts';
import { ReadyGate } from './ready-gate.ts';

/**
 * Less than the 15 s that an engine spends on a plugin that is not there: a call to a slow daemon does not cost more
 * than one to a dead daemon.
 */
const DEADLINES: Deadlines = { readyMs: 10_000, callMs: 14_000 };

/** What the plugin sockets are made of. */
export interface PluginServerOptions {
  /** Absolute path, `/run/docker/plugins` as a rule; made if missing. */
  readonly directory: string;
  /** One socket for each: the name of a driver is not transmitted in any call. */
  readonly networkDrivers: readonly DriverName[];
  readonly ipamName: 'weft';
  readonly network: NetworkBackend;
  readonly ipam: IpamBackend;
  readonly log: Logger;
  readonly observe?: ObserveCall;
  /** Calls other than Activate and the capabilities wait for it. Undefined: the backends are ready. */
  readonly ready: Promise<void> | undefined;
  readonly deadlines?: Deadlines;
}

/** The plugin sockets, all of them open. */
export interface PluginServer extends AsyncDisposable {
  /** Absolute paths of the socket files. */
  readonly sockets: readonly string[];
  /**
   * Stops accepting, lets running calls end and their answers leave, then removes the socket files. Takes one call
   * deadline at most. Repeating gives the same promise.
   */
  close(): Promise<void>;
}

/**
 * Serves every plugin at its own socket. A network driver's socket is no IPAM driver and the IPAM socket no network
 * driver, so that `docker` names the one that is missing instead of trying it.
 * @throws {Conflict} when another process answers at one of the sockets.
 * @throws {InvalidArgument} when a socket's path would be too long.
 */
export async function openPluginServer(options: PluginServerOptions): Promise<PluginServer> {
  const gate = new ReadyGate(options.ready);
  const open = (plugin: PluginName, methods: readonly Method[]) =>
    PluginSocket.open({ ...options, plugin, methods, gate, deadlines: options.deadlines ?? DEADLINES });
  const opened = await Promise.allSettled([
    open(options.ipamName, [activate('IpamDriver'), ...ipamMethods(options.ipam)]),
    ...options.networkDrivers.map((driver) =>
      open(driver, [
        activate('NetworkDriver'),
        ...networkMethods(driver, options.network),
        ...endpointMethods(driver, options.network),
      ]),
    ),
  ]);
  const sockets = opened.filter((result) => result.status === 'fulfilled').map(({ value }) => value);
  const failed = opened.find((result) => result.status === 'rejected');
  if (failed !== undefined) {
    await Promise.all(sockets.map((socket) => socket.close()));
    throw failed.reason;
  }
  return serverOf(sockets);
}

function serverOf(sockets: readonly PluginSocket[]): PluginServer {
  let closed: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closed ??= Promise.all(sockets.map((socket) => socket.close())).then(() => undefined);
    return closed;
  };
  return { sockets: sockets.map((socket) => socket.path), close, [Symbol.asyncDispose]: close };
}

function activate(kind: 'NetworkDriver' | 'IpamDriver'): Method {
  return { kind: 'constant', name: 'Plugin.Activate', answer: { Implements: [kind] } };
}
