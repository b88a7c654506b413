import type { Container, DockerClient } from '../../../lab/index.ts';
import type { OverlayScene } from '../overlay-scene.ts';
import { type Model, onNetwork } from './model.ts';
import type { Random } from './random.ts';

/** Containers of the same network that one container is asked to reach, and of other networks that it must not. */
const TARGETS = 6;
const STRANGERS = 2;

interface Target {
  readonly name: string;
  readonly address: string;
  readonly mayReach: boolean;
}

/** Who does not reach whom though it should, or does though it should not: one line each. */
export async function reachViolations(
  scene: OverlayScene,
  model: Model,
  random: Random,
): Promise<readonly string[]> {
  const found: string[] = [];
  const asks = Object.values(model.containers)
    .filter(({ running }) => running)
    .map(({ name, host }) => ({ name, host, targets: targetsOf(name, model, random) }));
  await Promise.all(
    scene.nodes.map(async (node) => {
      for (const { name, targets } of asks.filter(({ host }) => host === node.name)) {
        const silent = await silentOnes(node.docker, name, targets);
        for (const { name: to, address, mayReach } of targets) {
          if (silent.has(address) === !mayReach) continue;
          found.push(
            `${name} on ${node.name} ${mayReach ? 'does not reach' : 'reaches'} ${to} at ${address}`,
          );
        }
      }
    }),
  );
  return found.toSorted();
}

function targetsOf(from: string, model: Model, random: Random): readonly Target[] {
  const mine = Object.keys(model.containers[from]?.networks ?? {});
  const of = (network: string, mayReach: boolean): readonly Target[] =>
    onNetwork(model, network)
      .filter(({ name }) => name !== from)
      .flatMap(({ name, addresses: { ip, ip6 } }) =>
        [ip, ip6].filter((each) => each !== '').map((address) => ({ name, address, mayReach })),
      );
  const others = Object.keys(model.networks).filter((network) => !mine.includes(network));
  return [
    ...random.sample(
      mine.flatMap((network) => of(network, true)),
      TARGETS,
    ),
    ...random.sample(
      others.flatMap((network) => of(network, false)),
      STRANGERS,
    ),
  ];
}

/** The addresses that do not answer an echo; all are asked at the same time, each up to three times. */
async function silentOnes(
  docker: DockerClient,
  name: string,
  targets: readonly Target[],
): Promise<ReadonlySet<string>> {
  if (targets.length === 0) return new Set();
  const container: Container = await docker.container(name);
  const script = targets
    .map(({ address, mayReach }) => {
      const once = `ping -n -c 1 -W ${mayReach ? 2 : 1} ${address} >/dev/null 2>&1`;
      return `(${mayReach ? `${once} || ${once} || ${once}` : once} || echo ${address}) &`;
    })
    .join('\n');
  const silent = await container.netExec(['sh', '-c', `${script}\nwait`]);
  return new Set(silent.split('\n').filter((line) => line !== ''));
}
