import type { Test } from 'tap';
import type { ServiceDetail } from '../../../core/control.ts';
import { ClusterNode } from '../../lab/cluster-node.ts';
import { type Container, createHost, createUnderlay, type EngineSeries, until } from '../../lab/index.ts';
import { serverCommand } from '../bridge/probe.ts';
import { OverlayScene } from '../overlay/overlay-scene.ts';

/** Where services are tried: hosts with a network `app` of both families, whatever its driver. */
export interface ServiceStage extends AsyncDisposable {
  readonly nodes: readonly ClusterNode[];
  /** Makes `app` on every host. */
  openNetwork(): Promise<void>;
  /** Removes all containers and `app`. */
  clear(): Promise<void>;
}

const SUBNETS = [{ subnet: '10.200.1.0/24' }, { subnet: 'fd00:5ce:1::/64' }];

/** One host with its own store, and weft-bridge. */
export async function openBridgeStage(engine: EngineSeries): Promise<ServiceStage> {
  const underlay = await createUnderlay();
  try {
    const host = await createHost({ underlay, engine });
    const node = new ClusterNode(host, host.ip, ['--ui', 'off', '--metrics', 'off']);
    await node.startWeftd();
    return {
      nodes: [node],
      openNetwork: async () => {
        const spec = { driver: 'weft-bridge', ipamDriver: 'weft', ipv6: true, subnets: SUBNETS };
        await node.docker.createNetwork({ name: 'app', ...spec });
      },
      clear: async () => {
        for (const container of await node.docker.listContainers()) await container.remove();
        for (const { Name } of await node.docker.listNetworks())
          if (Name === 'app') await node.docker.removeNetwork(Name);
      },
      [Symbol.asyncDispose]: () => underlay[Symbol.asyncDispose](),
    };
  } catch (error) {
    await underlay[Symbol.asyncDispose]();
    throw error;
  }
}

/** Three hosts, each with another engine, and weft-overlay. */
export async function openOverlayStage(): Promise<ServiceStage> {
  const scene = await OverlayScene.open({ hosts: 3, engine: ['20.10', '26.1', '28.5'] });
  return {
    nodes: scene.nodes,
    openNetwork: async () => void (await scene.dualNetwork('app')),
    clear: () => scene.clear(),
    [Symbol.asyncDispose]: () => scene[Symbol.asyncDispose](),
  };
}

/** Runs tests by name, each on an empty stage. `SUITE_ONLY` in the environment picks those that contain it. */
export async function runOnStage(
  t: Test,
  stage: ServiceStage,
  tests: Readonly<Record<string, (t: Test, stage: ServiceStage) => Promise<void>>>,
): Promise<void> {
  const only = process.env['SUITE_ONLY'] ?? '';
  for (const [name, body] of Object.entries(tests)) {
    if (!name.includes(only)) continue;
    await t.test(name, async (t) => {
      try {
        await stage.openNetwork();
        await body(t, stage);
      } catch (error) {
        for (const { name: host, weftd } of stage.nodes)
          t.comment(`${host}: ${weftd.logs.slice(-20).join('\n')}`);
        throw error;
      } finally {
        await stage.clear();
      }
    });
  }
}

/** A container with a service of its own doing. */
export interface Staged {
  readonly node: ClusterNode;
  readonly name: string;
  readonly container: Container;
}

/** Runs a container that answers with its name (TCP and UDP 80, TCP 81) and repeats what it hears (TCP 7). */
export async function startBackend(
  node: ClusterNode,
  name: string,
  more: { readonly labels?: Readonly<Record<string, string>>; readonly healthCommand?: string } = {},
): Promise<Staged> {
  const echo = ['TCP4-LISTEN:7,fork,reuseaddr', 'TCP6-LISTEN:7,ipv6only=1,fork,reuseaddr'];
  const [shell = '', flag = '', serve = ''] = serverCommand();
  const container = await node.docker.runContainer({
    name,
    network: 'app',
    aliases: ['all'],
    env: { NAME: name },
    cmd: [shell, flag, `${echo.map((each) => `socat ${each} PIPE`).join(' & ')} & ${serve}`],
    // Process 1 does not end by it.
    stopSignal: 'SIGTERM',
    restart: 'always',
    ...more,
  });
  await until(`${name} serves`, async () => {
    const sockets = await container.netExec(['ss', '-Hlntu', 'sport = :80 or sport = :81 or sport = :7']);
    return sockets.trim().split('\n').length === SOCKETS;
  });
  return { node, name, container };
}

const SOCKETS = 8;

/** What a host says of a service of `app`. */
export function inspect(node: ClusterNode, service: string): Promise<ServiceDetail> {
  return node.weftJson<ServiceDetail>('service', 'inspect', service);
}

/** Waits until every host says of each backend, by name, that it is in this state. */
export async function statesAre(
  { nodes }: ServiceStage,
  service: string,
  states: Readonly<Record<string, string>>,
): Promise<ServiceDetail> {
  const wanted = JSON.stringify(Object.entries(states).sort());
  return until(
    `${service}: ${wanted}`,
    async () => {
      const seen = await Promise.all(nodes.map((node) => inspect(node, service)));
      const [first] = seen;
      const all = seen.map(({ backends }) =>
        JSON.stringify(backends.map(({ name, state }) => [name, state]).sort()),
      );
      if (!all.every((each) => each === wanted)) throw new Error(all.join(', '));
      return first;
    },
    { timeoutMs: 20_000 },
  );
}

/** Virtual IPs, both. */
export function vipsOf({ vip4 = '', vip6 = '' }: ServiceDetail): readonly [string, string] {
  return [vip4, vip6];
}

/** Runs `weft` and gives what it says. @throws {Error} with its words when its exit code is not 0. */
export async function weft(node: ClusterNode, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await node.weft(args);
  if (code !== 0) throw new Error(`weft ${args.join(' ')}: exit code ${code}: ${stderr.trim()}`);
  return stdout;
}
