import {
  type ContainerModel,
  type HostStep,
  isUsable,
  type Model,
  type NetworkModel,
  reachesStore,
  type Step,
} from './model.ts';
import { Random } from './random.ts';

const MAX_NETWORKS = 4;
const MAX_CONTAINERS_PER_HOST = 5;
/** Last parts of the addresses that are asked for by name: few, so that they meet; some are weft's to choose, too. */
const FIXED = [2, 17, 100, 200, 201, 250] as const;

type Maker = (model: Model, random: Random) => Step | undefined;

/** How often each kind of step is tried, and what makes one; undefined where the model has no place for it. */
const MAKERS: readonly (readonly [weight: number, maker: Maker])[] = [
  [6, createNetwork],
  [3, removeNetwork],
  [24, run],
  [8, start],
  [8, stop],
  [4, kill],
  [9, remove],
  [9, move],
  [7, connect],
  [6, disconnect],
  [3, onHost('kill weftd', ({ weftd }) => weftd)],
  [7, onHost('start weftd', ({ weftd }) => !weftd)],
  [3, onHost('restart weftd', ({ weftd }) => weftd)],
  [1, onHost('kill dockerd', ({ dockerd, weftd }) => dockerd && weftd)],
  [6, onHost('start dockerd', ({ dockerd, weftd }) => !dockerd && weftd)],
  [2, onHost('cut from etcd', ({ cut }) => cut === 'no')],
  [2, onHost('cut off', ({ cut }) => cut === 'no')],
  [8, onHost('heal', ({ cut }) => cut !== 'no')],
  [1, onHost('wipe entries', ({ weftd }) => weftd)],
  [2, killEtcd],
  [8, startEtcd],
];

/** The step that follows for a seed: it depends on the seed, the number of the step and the model alone. */
export function nextStep(model: Model, seed: number, index: number): Step {
  const random = new Random(seed, index);
  // Without networks there is nothing to break.
  const first = Object.keys(model.networks).length === 0 ? createNetwork(model, random) : undefined;
  if (first !== undefined) return first;
  const total = MAKERS.reduce((sum, [weight]) => sum + weight, 0);
  for (;;) {
    let at = random.next() * total;
    const chosen = MAKERS.find(([weight]) => {
      at -= weight;
      return at < 0;
    });
    const step = chosen?.[1](model, random);
    if (step !== undefined) return step;
  }
}

function onHost(kind: HostStep, fits: (host: Model['hosts'][string]) => boolean): Maker {
  return ({ hosts }, random) => {
    const host = random.pick(Object.keys(hosts).filter((name) => hosts[name] && fits(hosts[name])));
    return host === undefined ? undefined : { kind, host };
  };
}

function createNetwork(model: Model, random: Random): Step | undefined {
  const host = random.pick(usable(model));
  const name = `net${random.below(MAX_NETWORKS)}`;
  if (host === undefined || model.networks[name] !== undefined) return undefined;
  const number = 1 + (model.made % 32_000);
  const network: NetworkModel = {
    name,
    base4: `10.${128 + (number >> 8)}.${number & 255}`,
    ...(random.chance(0.75) ? { base6: `fd00:e:${number.toString(16)}::` } : {}),
    multicast: random.chance(0.25),
    internal: random.chance(0.2),
  };
  return { kind: 'create network', host, network };
}

/** Only what no container has anything to do with, from a host that can tell the cluster of it. */
function removeNetwork(model: Model, random: Random): Step | undefined {
  const containers = Object.values(model.containers);
  const network = random.pick(
    Object.keys(model.networks).filter((name) => containers.every(({ networks }) => !(name in networks))),
  );
  const host = random.pick(usable(model).filter((name) => reachesStore(model, name)));
  return network === undefined || host === undefined ? undefined : { kind: 'remove network', host, network };
}

function run(model: Model, random: Random): Step | undefined {
  const host = random.pick(withRoom(model));
  const network = random.pick(Object.keys(model.networks));
  if (host === undefined || network === undefined) return undefined;
  return { kind: 'run', host, container: `c${model.made}`, network, ...maybeFixed(random) };
}

function start(model: Model, random: Random): Step | undefined {
  return onContainer('start', model, random, ({ running }) => !running);
}

function stop(model: Model, random: Random): Step | undefined {
  return onContainer('stop', model, random, ({ running }) => running);
}

function kill(model: Model, random: Random): Step | undefined {
  return onContainer('kill', model, random, ({ running }) => running);
}

function remove(model: Model, random: Random): Step | undefined {
  return onContainer('remove', model, random, () => true);
}

function onContainer(
  kind: 'start' | 'stop' | 'kill' | 'remove',
  model: Model,
  random: Random,
  fits: (container: ContainerModel) => boolean,
): Step | undefined {
  const container = random.pick(within(model).filter(fits));
  return container === undefined ? undefined : { kind, container: container.name };
}

function move(model: Model, random: Random): Step | undefined {
  const container = random.pick(within(model).filter(({ running }) => running));
  const host = random.pick(withRoom(model).filter((name) => name !== container?.host));
  return container === undefined || host === undefined
    ? undefined
    : { kind: 'move', container: container.name, host };
}

function connect(model: Model, random: Random): Step | undefined {
  const container = random.pick(within(model).filter(({ running }) => running));
  const network = random.pick(
    Object.keys(model.networks).filter((name) => container?.networks[name] === undefined),
  );
  if (container === undefined || network === undefined) return undefined;
  return { kind: 'connect', container: container.name, network, ...maybeFixed(random) };
}

function disconnect(model: Model, random: Random): Step | undefined {
  const container = random.pick(
    within(model).filter(({ running, networks }) => running && Object.keys(networks).length > 1),
  );
  // The first is its network mode: Docker starts no container whose own network is gone.
  const network = random.pick(Object.keys(container?.networks ?? {}).slice(1));
  if (container === undefined || network === undefined) return undefined;
  return { kind: 'disconnect', container: container.name, network };
}

function killEtcd({ members }: Model, random: Random): Step | undefined {
  const member = random.pick(members.flatMap((runs, index) => (runs ? [index] : [])));
  return member === undefined ? undefined : { kind: 'kill etcd', member };
}

function startEtcd({ members }: Model, random: Random): Step | undefined {
  const member = random.pick(members.flatMap((runs, index) => (runs ? [] : [index])));
  return member === undefined ? undefined : { kind: 'start etcd', member };
}

function maybeFixed(random: Random): { readonly fixed?: number } {
  const fixed = random.chance(0.4) ? random.pick(FIXED) : undefined;
  return fixed === undefined ? {} : { fixed };
}

function usable(model: Model): readonly string[] {
  return Object.keys(model.hosts).filter((name) => isUsable(model, name));
}

function withRoom(model: Model): readonly string[] {
  const containers = Object.values(model.containers);
  return usable(model).filter(
    (name) => containers.filter(({ host }) => host === name).length < MAX_CONTAINERS_PER_HOST,
  );
}

/** Containers on hosts where something can be done to them. */
function within(model: Model): readonly ContainerModel[] {
  return Object.values(model.containers).filter(({ host }) => isUsable(model, host));
}
