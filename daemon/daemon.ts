import { mkdir } from 'node:fs/promises';
import type { Logger } from 'pino';
import type { Kernel, Store } from '../core/ports.ts';
import { drivers } from '../drivers/index.ts';
import { lockDirectory, openSqliteStore } from '../store/index.ts';
import type { Config } from './config.ts';
import { listenMetrics, startControlServer } from './control/index.ts';
import { lateBackends } from './late-backends.ts';
import { MemoryTrim } from './memory-trim.ts';
import { type ObserveCall, openPluginServer, type PluginServer } from './plugin/index.ts';
import { assertPrivileges } from './privileges.ts';
import { openServices } from './services.ts';

/** Stands between weftd and one of its ports; how the crash tests stop the process at a chosen step. */
export interface Interpose {
  readonly store?: (store: Store) => Store;
  readonly kernel?: (kernel: Kernel) => Kernel;
}

/** A running weftd. Disposal answers what is being asked, closes the sockets, and leaves the kernel as it is. */
export interface Daemon extends AsyncDisposable {
  readonly sockets: readonly string[];
}

/**
 * Starts everything: plugin sockets first, so that no dockerd waits for one that is missing, then the state, then
 * recovery. Resolves when every socket answers in full.
 * @throws {WeftError} saying why it cannot start; nothing is left open then.
 */
export async function startDaemon(
  config: Config,
  version: string,
  log: Logger,
  interpose: Interpose = {},
): Promise<Daemon> {
  await using stack = new AsyncDisposableStack();
  assertPrivileges();
  await mkdir(config.stateDir, { recursive: true, mode: 0o700 });
  await mkdir(config.runDir, { recursive: true, mode: 0o755 });
  stack.use(await lockDirectory(config.stateDir));
  const ready = Promise.withResolvers<void>();
  // Calls that wait for readiness get the reason; nobody else need handle it.
  ready.promise.catch(() => undefined);
  const late = lateBackends();
  try {
    const memory = stack.use(new MemoryTrim());
    const observe: Observe = { call: () => memory.called() };
    const plugins = stack.use(await openPlugins(config, log, { late, ready: ready.promise, observe }));
    const opened = await openSqliteStore({
      path: `${config.stateDir}/weft.db`,
      warn: (message) => log.warn(message),
    });
    const store = stack.use(interpose.store?.(opened) ?? opened);
    const services = stack.use(
      await openServices({ config, version, log, store, interpose: interpose.kernel }),
    );
    observe.call = (...call) => {
      memory.called();
      services.observeCall(...call);
    };
    late.bind(services);
    stack.use(
      await startControlServer({
        path: `${config.runDir}/control.sock`,
        backend: services.control,
        metrics: services.metrics,
        log,
        version,
      }),
    );
    if (config.metrics !== undefined) stack.use(await listenMetrics(config.metrics, services.metrics));
    ready.resolve();
    services.setReady();
    memory.started();
    const running = stack.move();
    return {
      sockets: plugins.sockets,
      [Symbol.asyncDispose]: async () => {
        // What has been asked is answered while everything it needs is still there.
        await plugins.close();
        await running.disposeAsync();
      },
    };
  } catch (error) {
    ready.reject(error);
    throw error;
  }
}

/** Who hears of plugin calls; changes once, when there are metrics to report them to. */
interface Observe {
  call: ObserveCall;
}

function openPlugins(
  config: Config,
  log: Logger,
  parts: {
    readonly late: ReturnType<typeof lateBackends>;
    readonly ready: Promise<void>;
    readonly observe: Observe;
  },
): Promise<PluginServer> {
  const { late, ready, observe } = parts;
  return openPluginServer({
    directory: config.pluginDir,
    networkDrivers: [...drivers.keys()],
    ipamName: 'weft',
    network: late.network,
    ipam: late.ipam,
    log,
    ready,
    observe: (...call) => observe.call(...call),
  });
}
