import {
  createHost,
  createUnderlay,
  type EngineSeries,
  type Host,
  type Underlay,
  type Weftd,
} from '../../test/lab/index.ts';

/** A host with an engine and a weftd that is ready, and the LAN it is on. Disposing it takes everything with it. */
export interface WeftHost extends AsyncDisposable {
  readonly underlay: Underlay;
  readonly host: Host;
  readonly weftd: Weftd;
}

/** Networks every comparison uses: the same thing by weft's driver and by Docker's own. */
export const NETWORKS = {
  weft: { name: 'bench-weft', driver: 'weft-bridge', ipamDriver: 'weft' },
  builtIn: { name: 'bench-builtin', driver: 'bridge' },
} as const;

/** Boots it. @throws {Error} when the engine or weftd does not come up. */
export async function bootWeftHost(engine: EngineSeries): Promise<WeftHost> {
  await using stack = new AsyncDisposableStack();
  const underlay = stack.use(await createUnderlay());
  const host = await createHost({ underlay, engine });
  const weftd = await host.startWeftd();
  stack.defer(async () => {
    await weftd.stop();
  });
  await weftd.waitReady();
  const whole = stack.move();
  return { underlay, host, weftd, [Symbol.asyncDispose]: () => whole.disposeAsync() };
}
