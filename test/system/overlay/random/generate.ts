import {
  type ContainerModel,
  type HostStep,
  isUsable,
  isWhole,
  type Model,
  type NetworkModel,
  networksOn,
  onNetwork,
  reachesStore,
  type Step,
} from './model.ts';
import { Random } from './random.ts';

const MAX_NETWORKS = 5;
const MAX_CONTAINERS_PER_HOST = 5;
/** Last parts of the addresses that are asked for by name: few, so that they meet; weft chooses some of them, too. */
const FIXED = { 24: [2, 17, 100, 200, 201, 250], 28: [2, 5, 9, 14] } as const;
/** Milliseconds: within a lease, about as long, and until a host without one is taken for dead. */
const WAITS = [1000, 5000, 9000, 14_000] as const;
/** Of so many steps, the last ones remove more than they make. */
const TIDE = 60;
const EBB = 20;
const SIMULTANEOUS = 4;

type Maker = (model: Model, random: Random) => Step | undefined;

/** How often each kind of step is tried in flood and in ebb, and what makes it; undefined: it has no place. */
const MAKERS: readonly (readonly [flood: number, ebb: number, maker: Maker])[] = [
  [6, 6, createNetwork],
  [2, 8, removeNetwork],
  [2, 2, leaveNetwork],
  [3, 3, rejoinNetwork],
  [24, 3, run],
  [8, 4, start],
  [8, 10, stop],
  [4, 4, kill],
  [5, 24, remove],
  [9, 5, move],
  [7, 2, connect],
  [5, 9, disconnect],
  [3, 3, onHost('kill weftd', ({ weftd }) => weftd)],
  [6, 6, onHost('start weftd', ({ weftd }) => !weftd)],
  [3, 3, onHost('restart weftd', ({ weftd }) => weftd)],
  [1, 1, onHost('kill dockerd', ({ dockerd, weftd }) => dockerd && weftd)],
  [6, 6, onHost('start dockerd', ({ dockerd, weftd }) => !dockerd && weftd)],
  [0.4, 0.4, onHost('reboot', ({ dockerd, weftd, cut }) => dockerd && weftd && cut === 'no')],
  [2, 2, onHost('cut from etcd', ({ cut }) => cut === 'no')],
  [2, 2, onHost('cut off', ({ cut }) => cut === 'no')],
  [6, 6, onHost('heal', ({ cut }) => cut !== 'no')],
  [1, 1, onHost('wipe entries', ({ weftd }) => weftd)],
  [1, 1, onHost('delete tunnels', ({ weftd }) => weftd)],
  [2, 2, killEtcd],
  [6, 6, startEtcd],
  [1, 1, compactEtcd],
  [1, 1, wait],
];

/** What may happen at the same time as something else: what concerns one container, and what does not wait long. */
const CONTAINER_STEPS = ['run', 'start', 'stop', 'kill', 'remove', 'move', 'connect', 'disconnect'];
const FAULTS_MEANWHILE = ['restart weftd', 'cut from etcd', 'cut off', 'heal', 'wipe entries', 'kill etcd'];

/**
 * What is done next, at the same time if it is more than one step: it depends on the seed, the number of the step and
 * the model alone.
 */
export function nextSteps(model: Model, seed: number, index: number): readonly Step[] {
  const random = new Random(seed, index);
  const first = chooseStep(model, random, index);
  if (!CONTAINER_STEPS.includes(first.kind) || random.chance(0.7)) return [first];
  const steps: Step[] = [first];
  const count = 2 + random.below(SIMULTANEOUS - 1);
  for (let tries = 0; steps.length < count && tries < 20; tries++) {
    const next = renamed(chooseStep(model, random, index), steps.length);
    if (steps.every((step) => mayMeet(step, next, model) && mayMeet(next, step, model))) steps.push(next);
  }
  return steps;
}

function chooseStep(model: Model, random: Random, index: number): Step {
  // Without networks there is nothing to break.
  const made = Object.keys(model.networks).length === 0 ? createNetwork(model, random) : undefined;
  if (made !== undefined) return made;
  const isEbb = index % TIDE >= TIDE - EBB;
  const weights = MAKERS.map(([flood, ebb]) => (isEbb ? ebb : flood));
  const total = weights.reduce((sum, each) => sum + each, 0);
  for (;;) {
    let at = random.next() * total;
    const chosen = MAKERS.find((_, place) => {
      at -= weights[place] ?? 0;
      return at < 0;
    });
    const step = chosen?.[2](model, random);
    if (step !== undefined) return step;
  }
}

/** New containers of one moment have names of their own. */
function renamed(step: Step, place: number): Step {
  return step.kind === 'run' ? { ...step, container: `${step.container}-${place}` } : step;
}

function mayMeet(one: Step, other: Step, model: Model): boolean {
  const names = [...CONTAINER_STEPS, ...FAULTS_MEANWHILE];
  if (!names.includes(one.kind) || !names.includes(other.kind)) return false;
  if ('container' in one && 'container' in other) return one.container !== other.container;
  if ('host' in one && 'host' in other && one.host === other.host) {
    return 'container' in one !== 'container' in other && one.kind !== 'move' && other.kind !== 'move';
  }
  // What a move has come to cannot be told when a weftd dies on the way.
  if (one.kind === 'move' && other.kind === 'restart weftd')
    return model.containers[one.container]?.host !== other.host;
  return one.kind !== other.kind || 'container' in one;
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
    prefix4: random.chance(0.25) ? 28 : 24,
    ...(random.chance(0.75) ? { base6: `fd00:e:${number.toString(16)}::` } : {}),
    multicast: random.chance(0.25),
    internal: random.chance(0.2),
    left: [],
  };
  return { kind: 'create network', host, network };
}

/** Only what no container has anything to do with, from a host that can tell the cluster of it. */
function removeNetwork(model: Model, random: Random): Step | undefined {
  const containers = Object.values(model.containers);
  const network = random.pick(
    Object.keys(model.networks).filter((name) => containers.every(({ networks }) => !(name in networks))),
  );
  const host = random.pick(tellers(model, network));
  return network === undefined || host === undefined ? undefined : { kind: 'remove network', host, network };
}

/** On a host that has nothing to do with it, while a container of another uses it. */
function leaveNetwork(model: Model, random: Random): Step | undefined {
  const network = random.pick(
    Object.keys(model.networks).filter((name) => onNetwork(model, name).length > 0),
  );
  if (network === undefined || !isWhole(model)) return undefined;
  const host = random.pick(
    tellers(model, network).filter((name) =>
      Object.values(model.containers).every((each) => each.host !== name || !(network in each.networks)),
    ),
  );
  return host === undefined ? undefined : { kind: 'leave network', host, network };
}

function rejoinNetwork(model: Model, random: Random): Step | undefined {
  const network = random.pick(Object.values(model.networks).filter(({ left }) => left.length > 0));
  const host = random.pick(
    (network?.left ?? []).filter((name) => isUsable(model, name) && reachesStore(model, name)),
  );
  return network === undefined || host === undefined
    ? undefined
    : { kind: 'rejoin network', host, network: network.name };
}

function run(model: Model, random: Random): Step | undefined {
  const host = random.pick(withRoom(model));
  const network = random.pick(networksOn(model, host ?? ''));
  if (host === undefined || network === undefined) return undefined;
  const container = `c${model.made}`;
  return { kind: 'run', host, container, network: network.name, ...maybeFixed(network, random) };
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
  const networks = Object.keys(container?.networks ?? {});
  const host = random.pick(
    withRoom(model).filter(
      (name) =>
        name !== container?.host &&
        networks.every((network) => model.networks[network]?.left.includes(name) === false),
    ),
  );
  return container === undefined || host === undefined
    ? undefined
    : { kind: 'move', container: container.name, host };
}

function connect(model: Model, random: Random): Step | undefined {
  // After a live restore Engine 26.1 forgets the interfaces of internal networks, its own drivers' too, and fails.
  const container = random.pick(
    within(model).filter(
      ({ running, networks }) =>
        running && Object.keys(networks).every((name) => model.networks[name]?.internal === false),
    ),
  );
  const network = random.pick(
    networksOn(model, container?.host ?? '').filter(({ name }) => container?.networks[name] === undefined),
  );
  if (container === undefined || network === undefined) return undefined;
  return {
    kind: 'connect',
    container: container.name,
    network: network.name,
    ...maybeFixed(network, random),
  };
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

function compactEtcd({ members }: Model): Step | undefined {
  return members.every(Boolean) ? { kind: 'compact etcd' } : undefined;
}

function wait(_: Model, random: Random): Step | undefined {
  const ms = random.pick(WAITS);
  return ms === undefined ? undefined : { kind: 'wait', ms };
}

function maybeFixed({ prefix4 }: NetworkModel, random: Random): { readonly fixed?: number } {
  const fixed = random.chance(0.4) ? random.pick(FIXED[prefix4]) : undefined;
  return fixed === undefined ? {} : { fixed };
}

function usable(model: Model): readonly string[] {
  return Object.keys(model.hosts).filter((name) => isUsable(model, name));
}

/** Hosts that have a network and can tell the cluster what becomes of it. */
function tellers(model: Model, network: string | undefined): readonly string[] {
  const left = model.networks[network ?? '']?.left ?? [];
  return usable(model).filter((name) => reachesStore(model, name) && !left.includes(name));
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
