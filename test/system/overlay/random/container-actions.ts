import { type ClusterNode, type Container, EngineRefused, until } from '../../../lab/index.ts';
import type { OverlayScene } from '../overlay-scene.ts';
import { askedAddresses, holdersOf } from './fixed-addresses.ts';
import type { Addresses, ContainerModel, Model, Outcome, Step } from './model.ts';
import { isWhole } from './model.ts';
import { holds, Outdated } from './outdated.ts';

/** How long a network may take to come to a host that can hear of it. */
const SPREAD_MS = 20_000;
/** How long it may take until an address that another host has let go of is known to be free. */
const LET_GO_MS = 10_000;
const AGAIN_MS = 100;
const ENDS_MS = 60_000;

type ByNetwork = Readonly<Record<string, Addresses>>;

/** Steps that concern one container. */
export type ContainerStep = Extract<Step, { readonly container: string }>;

/** Makes, changes and removes containers through the Docker Engine of their host. */
export class ContainerActions {
  readonly #scene: OverlayScene;

  constructor(scene: OverlayScene) {
    this.#scene = scene;
  }

  /**
   * Does a step. A refusal by Docker is an outcome.
   * @param isAlone whether nothing else is done at the same time: then it is worth waiting for what is on its way.
   */
  async do(step: ContainerStep, model: Model, isAlone: boolean): Promise<Outcome> {
    const outcome = await this.#do(step, model, isAlone);
    if (outcome.kind === 'done' || outcome.found !== undefined || isAlone) return outcome;
    return { ...outcome, found: await this.#find(step, model) };
  }

  #do(step: ContainerStep, model: Model, isAlone: boolean): Promise<Outcome> {
    const wait = isAlone ? LET_GO_MS : 0;
    switch (step.kind) {
      case 'run':
        return this.#run(step, model, wait);
      case 'start':
        return this.#start(step.container, model, wait);
      case 'stop':
        return refusable(async () => (await this.#container(step.container, model)).stop());
      case 'kill':
        return this.#kill(step.container, model);
      case 'remove':
        return refusable(async () => (await this.#container(step.container, model)).remove());
      case 'move':
        return this.#move(step.container, step.host, model, wait);
      case 'connect':
        return this.#connect(step, model, wait);
      case 'disconnect':
        return refusable(async () => {
          const container = await this.#container(step.container, model);
          await this.#nodeOf(step.container, model).docker.disconnect(step.network, container);
        });
    }
  }

  #run(step: Extract<Step, { kind: 'run' }>, model: Model, wait: number): Promise<Outcome> {
    const node = this.#scene.cluster.node(step.host);
    return refusable(async () => {
      await this.#hears(node, [step.network], model);
      const addresses = askedAddresses(model, step.network, step.fixed);
      const spec = { name: step.container, network: step.network, ...addresses };
      const ask = () => node.docker.runContainer(spec);
      const container = await patiently(ask, wait, isFree(model, step.network, step.fixed, step.container));
      return addressesOf(container);
    });
  }

  #start(name: string, model: Model, wait: number): Promise<Outcome> {
    const attachments = Object.entries(model.containers[name]?.networks ?? {});
    return refusable(async () => {
      const container = await this.#container(name, model);
      await this.#hears(
        this.#nodeOf(name, model),
        attachments.map(([network]) => network),
        model,
      );
      const free = attachments.every(([network, { fixed }]) => isFree(model, network, fixed, name));
      await patiently(() => container.start(), wait, free);
      return addressesOf(container);
    });
  }

  /** As a process that dies by itself: Docker finds out. */
  #kill(name: string, model: Model): Promise<Outcome> {
    return refusable(async () => {
      const container = await this.#container(name, model);
      await container.kill();
      const hasEnded = async () => !(await container.inspect()).State.Running;
      await until(`${name} has ended`, hasEnded, { timeoutMs: ENDS_MS });
    });
  }

  async #connect(step: Extract<Step, { kind: 'connect' }>, model: Model, wait: number): Promise<Outcome> {
    const node = this.#nodeOf(step.container, model);
    const outcome = await refusable(async () => {
      const container = await this.#container(step.container, model);
      await this.#hears(node, [step.network], model);
      const addresses = askedAddresses(model, step.network, step.fixed);
      const ask = () => node.docker.connect(step.network, container, addresses);
      await patiently(ask, wait, isFree(model, step.network, step.fixed, step.container));
      return addressesOf(container);
    });
    if (outcome.kind === 'done') return outcome;
    const isRemoved = await this.#removeHalfConnected(step, model);
    return isRemoved ? { ...outcome, found: null } : outcome;
  }

  /**
   * A refused connect leaves the network in what dockerd holds in memory of the container, though not on its disk:
   * whether the container's next start asks for it depends on whether dockerd was restarted.
   */
  async #removeHalfConnected({ container: name }: ContainerStep, model: Model): Promise<boolean> {
    const container = (await this.#nodeOf(name, model).docker.listContainers()).find(
      (each) => each.name === name,
    );
    if (container === undefined) return false;
    const has = Object.values(await addressesOf(container));
    const { State } = await container.inspect();
    const isHalf = State.Running && has.some(({ ip, ip6 }) => ip === '' && ip6 === '');
    if (isHalf) await container.remove();
    return isHalf;
  }

  /** Removed here, made there with what it had asked for. */
  async #move(name: string, host: string, model: Model, wait: number): Promise<Outcome> {
    const before = model.containers[name];
    if (before === undefined) throw new Error(`there is no container ${name}`);
    const left = await refusable(async () => (await this.#container(name, model)).remove());
    if (left.kind === 'refused') return left;
    const outcome = await refusable(() => this.#settle(before, this.#scene.cluster.node(host), model, wait));
    return outcome.kind === 'done' ? outcome : { ...outcome, found: null };
  }

  async #settle(before: ContainerModel, node: ClusterNode, model: Model, wait: number): Promise<ByNetwork> {
    const attachments = Object.entries(before.networks);
    await this.#hears(node, Object.keys(before.networks), model);
    let container: Container | undefined;
    try {
      for (const [network, { fixed }] of attachments) {
        const addresses = askedAddresses(model, network, fixed);
        const ask = async () => {
          if (container === undefined)
            return node.docker.runContainer({ name: before.name, network, ...addresses });
          await node.docker.connect(network, container, addresses);
          return container;
        };
        container = await patiently(ask, wait, isFree(model, network, fixed, before.name));
      }
    } catch (error) {
      await container?.remove();
      throw error;
    }
    if (container === undefined) throw new Error(`${before.name} is on no network`);
    return addressesOf(container);
  }

  /** What a refused step has left of its container. */
  async #find(step: ContainerStep, model: Model): Promise<ContainerModel | null> {
    const host = step.kind === 'run' ? step.host : (model.containers[step.container]?.host ?? '');
    const { docker } = this.#scene.cluster.node(host);
    const container = (await docker.listContainers()).find(({ name }) => name === step.container);
    if (container === undefined) return null;
    const { State } = await container.inspect();
    const addresses = await addressesOf(container);
    const before = model.containers[step.container]?.networks ?? {};
    const asked =
      'fixed' in step && step.fixed !== undefined ? { [step.network]: { fixed: step.fixed } } : {};
    const networks = Object.entries(addresses).map(([network, has]) => {
      const { fixed } = { ...before[network], ...asked[network] };
      const attachment = fixed === undefined ? {} : { fixed };
      return [network, State.Running ? { ...attachment, addresses: has } : attachment] as const;
    });
    return {
      name: step.container,
      host,
      running: State.Running,
      networks: Object.fromEntries(
        networks.toSorted(([a], [b]) => Number(b in before) - Number(a in before)),
      ),
    };
  }

  /**
   * Waits for networks to come to a host, while nothing is broken.
   * @throws {Outdated} when it has an older one of the same name
   */
  async #hears(node: ClusterNode, networks: readonly string[], model: Model): Promise<void> {
    for (const name of networks) {
      const network = model.networks[name];
      if (network === undefined) continue;
      const has = async () => (await holds(node, network)) === 'it';
      // Docker's own refusal of what it has not says more than this wait's.
      if (isWhole(model))
        await until(`${name} on ${node.name}`, has, { timeoutMs: SPREAD_MS }).catch(() => undefined);
      if ((await holds(node, network)) === 'an older') throw new Outdated(name, node.name);
    }
  }

  #nodeOf(container: string, model: Model): ClusterNode {
    return this.#scene.cluster.node(model.containers[container]?.host ?? '');
  }

  /** As Docker has it now: of another dockerd, or another container of that name, than a step ago. */
  #container(name: string, model: Model): Promise<Container> {
    return this.#nodeOf(name, model).docker.container(name);
  }
}

/** Done, with the addresses that came of it if any, unless Docker refuses or has not heard. */
export async function refusable(ask: () => Promise<ByNetwork | undefined> | Promise<void>): Promise<Outcome> {
  try {
    return { kind: 'done', addresses: (await ask()) ?? {} };
  } catch (error) {
    if (!(error instanceof EngineRefused || error instanceof Outdated)) throw error;
    return { kind: 'refused', message: error.message };
  }
}

/** Asks again while another host may not have been heard to let go of an address that nobody has. */
async function patiently<T>(ask: () => Promise<T>, waitMs: number, free: boolean): Promise<T> {
  const deadline = performance.now() + waitMs;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      const mayPass = error instanceof EngineRefused && /belongs to|in use/.test(error.message);
      if (!mayPass || !free || performance.now() > deadline) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  }
}

function isFree(model: Model, network: string, fixed: number | undefined, but: string): boolean {
  return holdersOf(model, network, fixed).every((name) => name === but);
}

/** What Docker says a container has, by network. */
async function addressesOf(container: Container): Promise<ByNetwork> {
  const { NetworkSettings } = await container.inspect();
  return Object.fromEntries(
    Object.entries(NetworkSettings.Networks).map(([name, { IPAddress, GlobalIPv6Address, MacAddress }]) => [
      name,
      { ip: IPAddress, ip6: GlobalIPv6Address, mac: MacAddress },
    ]),
  );
}
