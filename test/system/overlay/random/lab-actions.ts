import { type ClusterNode, type Container, EngineRefused, until } from '../../../lab/index.ts';
import { deleteEntries } from '../kernel-entries.ts';
import { findNetwork, type OverlayScene, overlaySpec } from '../overlay-scene.ts';
import { readApi } from './host-view.ts';
import {
  type Addresses,
  type ContainerModel,
  fixedAddresses,
  isWhole,
  type Model,
  type NetworkModel,
  type Outcome,
  type Step,
} from './model.ts';

/** How long a network may take to come to a host that can hear of it. */
const SPREAD_MS = 20_000;
/** How long it may take until an address that another host has let go of is known to be free. */
const LET_GO_MS = 10_000;
const AGAIN_MS = 100;

/** Does steps to a real cluster. */
export class LabActions {
  readonly #scene: OverlayScene;
  /** By name; a container that was moved is another one. */
  readonly #containers = new Map<string, Container>();

  constructor(scene: OverlayScene) {
    this.#scene = scene;
  }

  /**
   * Does a step and tells what became of it. A refusal by Docker is an outcome.
   * @throws {Error} when something that must not fail does: a daemon that does not come up.
   */
  async do(step: Step, model: Model): Promise<Outcome> {
    switch (step.kind) {
      case 'create network':
        return this.#asked(() => this.#createNetwork(step.host, step.network));
      case 'remove network':
        return this.#removeNetwork(step.host, step.network, model);
      case 'run':
        return this.#run(step, model);
      case 'start':
        return this.#start(step.container, model);
      case 'stop':
        return this.#asked(() => this.#container(step.container).stop());
      case 'kill':
        return this.#kill(step.container);
      case 'remove':
        return this.#asked(() => this.#container(step.container).remove());
      case 'move':
        return this.#move(step.container, step.host, model);
      case 'connect':
        return this.#connect(step, model);
      case 'disconnect':
        return this.#asked(async () => {
          const container = model.containers[step.container];
          await this.#node(container?.host).docker.disconnect(step.network, this.#container(step.container));
        });
      case 'kill etcd':
        await this.#member(step.member).stop('SIGKILL');
        return { kind: 'done' };
      case 'start etcd':
        await this.#member(step.member).start();
        return { kind: 'done' };
      default:
        await this.#toHost(step.kind, this.#node(step.host));
        return { kind: 'done' };
    }
  }

  /** Ends every fault. */
  async heal(model: Model): Promise<void> {
    await this.#scene.cluster.wall.open();
    await this.#scene.cluster.etcd.startAll();
    await Promise.all(
      this.#scene.nodes.map(async (node) => {
        if (!node.weftd.running) await node.startWeftd();
        if (model.hosts[node.name]?.dockerd === false) await node.host.startDockerd();
      }),
    );
  }

  /** Nothing is left of the containers that were made. */
  forget(): void {
    this.#containers.clear();
  }

  async #toHost(kind: Extract<Step, { readonly host: string }>['kind'], node: ClusterNode): Promise<void> {
    switch (kind) {
      case 'kill weftd':
        return node.weftd.kill9();
      case 'restart weftd':
        await node.weftd.kill9();
        await node.startWeftd();
        return;
      case 'start weftd':
        await node.startWeftd();
        return;
      case 'kill dockerd':
        return node.host.killDockerd9();
      case 'start dockerd':
        return node.host.startDockerd();
      case 'cut from etcd':
        return this.#scene.cluster.cutFromStore(node);
      case 'cut off':
        return this.#scene.cluster.wall.enclose(node.host);
      case 'heal':
        return this.#scene.cluster.wall.open(node.host);
      case 'wipe entries':
        await deleteEntries(node);
        return;
      default:
        throw new Error(`${kind} is not done to a host`);
    }
  }

  async #createNetwork(host: string, { name, base4, base6, multicast, internal }: NetworkModel) {
    const subnets = [
      { subnet: `${base4}.0/24` },
      ...(base6 === undefined ? [] : [{ subnet: `${base6}/64` }]),
    ];
    const options = multicast ? { 'weft.multicast': 'true' } : {};
    const spec = overlaySpec(name, { subnets, ipv6: base6 !== undefined, options, internal });
    await this.#node(host).docker.createNetwork(spec);
  }

  /** Once the host sees that no host has an endpoint there: before, it would be the host's own removal only. */
  async #removeNetwork(host: string, name: string, model: Model): Promise<Outcome> {
    const node = this.#node(host);
    const isUnused = async () => {
      const views = await readApi<readonly NetworkUse[]>(node, '/v1/networks');
      const view = views.find((each) => each.cluster?.name === name);
      return view?.cluster?.members?.every(({ endpoints }) => endpoints === 0) === true;
    };
    try {
      await until(`${name} is unused`, isUnused, { timeoutMs: isWhole(model) ? LET_GO_MS : 1000 });
    } catch {
      return { kind: 'refused', message: `to ${host} network ${name} is in use, or not known` };
    }
    return this.#asked(() => node.docker.removeNetwork(name));
  }

  async #run(step: Extract<Step, { kind: 'run' }>, model: Model): Promise<Outcome> {
    const node = this.#node(step.host);
    return this.#given(async () => {
      await this.#hears(node, step.network, model);
      const addresses = wanted(model, step.network, step.fixed);
      const spec = { name: step.container, network: step.network, ...addresses };
      const container = await this.#retry(model, step.network, step.fixed, step.container, () =>
        node.docker.runContainer(spec),
      );
      this.#containers.set(step.container, container);
      return addressesOf(container);
    });
  }

  async #start(name: string, model: Model): Promise<Outcome> {
    const container = this.#container(name);
    const attachments = Object.entries(model.containers[name]?.networks ?? {});
    return this.#given(async () => {
      for (const [network] of attachments)
        await this.#hears(this.#node(model.containers[name]?.host), network, model);
      const [network = '', { fixed } = {}] = attachments.find(([, each]) => each.fixed !== undefined) ?? [];
      await this.#retry(model, network, fixed, name, () => container.start());
      return addressesOf(container);
    });
  }

  /** As a process that dies by itself: Docker finds out. */
  async #kill(name: string): Promise<Outcome> {
    const container = this.#container(name);
    await container.kill();
    await until(`${name} has ended`, async () => !(await container.inspect()).State.Running, {
      timeoutMs: 30_000,
    });
    return { kind: 'done' };
  }

  async #connect(step: Extract<Step, { kind: 'connect' }>, model: Model): Promise<Outcome> {
    const node = this.#node(model.containers[step.container]?.host);
    const container = this.#container(step.container);
    return this.#given(async () => {
      await this.#hears(node, step.network, model);
      const addresses = wanted(model, step.network, step.fixed);
      await this.#retry(model, step.network, step.fixed, step.container, () =>
        node.docker.connect(step.network, container, addresses),
      );
      return addressesOf(container);
    });
  }

  /** Removed here, made there with what it had asked for. */
  async #move(name: string, host: string, model: Model): Promise<Outcome> {
    const before = model.containers[name];
    if (before === undefined) throw new Error(`there is no container ${name}`);
    const left = await this.#asked(() => this.#container(name).remove());
    if (left.kind === 'refused') return left;
    this.#containers.delete(name);
    const outcome = await this.#given(() => this.#settle(before, this.#node(host), model));
    return outcome.kind === 'done' ? outcome : { ...outcome, gone: true };
  }

  async #settle(before: ContainerModel, node: ClusterNode, model: Model) {
    const attachments = Object.entries(before.networks);
    for (const [network] of attachments) await this.#hears(node, network, model);
    let container: Container | undefined;
    try {
      for (const [network, { fixed }] of attachments) {
        const addresses = wanted(model, network, fixed);
        container = await this.#retry(model, network, fixed, before.name, async () => {
          if (container === undefined)
            return node.docker.runContainer({ name: before.name, network, ...addresses });
          await node.docker.connect(network, container, addresses);
          return container;
        });
      }
    } catch (error) {
      await container?.remove();
      throw error;
    }
    if (container === undefined) throw new Error(`${before.name} is on no network`);
    this.#containers.set(before.name, container);
    return addressesOf(container);
  }

  /** Waits for a network to come to a host, while nothing is broken. */
  async #hears(node: ClusterNode, network: string, model: Model): Promise<void> {
    if (!isWhole(model)) return;
    // Docker's own refusal says more than this wait's.
    await until(`${network} on ${node.name}`, () => findNetwork(node, network), {
      timeoutMs: SPREAD_MS,
    }).catch(() => undefined);
  }

  /**
   * An address that was asked for by name, and that nobody has: that another host has let go of it may be on its way.
   */
  async #retry<T>(
    model: Model,
    network: string,
    fixed: number | undefined,
    container: string,
    ask: () => Promise<T>,
  ): Promise<T> {
    const deadline = performance.now() + LET_GO_MS;
    const isFree = holdersOf(model, network, fixed).every((name) => name === container);
    for (;;) {
      try {
        return await ask();
      } catch (error) {
        const mayPass = error instanceof EngineRefused && /belongs to|in use/.test(error.message);
        if (fixed === undefined || !isFree || !mayPass || performance.now() > deadline) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
  }

  /** Done, unless Docker refuses. */
  #asked(ask: () => Promise<unknown>): Promise<Outcome> {
    return this.#given(async () => {
      await ask();
      return {};
    });
  }

  /** Done, with the addresses that came of it, unless Docker refuses. */
  async #given(ask: () => Promise<Readonly<Record<string, Addresses>>>): Promise<Outcome> {
    try {
      return { kind: 'done', addresses: await ask() };
    } catch (error) {
      if (!(error instanceof EngineRefused)) throw error;
      return { kind: 'refused', message: error.message };
    }
  }

  #node(name: string | undefined): ClusterNode {
    return this.#scene.cluster.node(name ?? '');
  }

  #member(index: number) {
    const member = this.#scene.cluster.etcd.members[index];
    if (member === undefined) throw new Error(`there is no etcd member ${index}`);
    return member;
  }

  #container(name: string): Container {
    const container = this.#containers.get(name);
    if (container === undefined) throw new Error(`there is no container ${name}`);
    return container;
  }
}

interface NetworkUse {
  readonly cluster?: {
    readonly name?: string;
    readonly members?: readonly { readonly endpoints: number }[];
  };
}

/** The containers that have an address of a network. */
export function holdersOf(model: Model, network: string, fixed: number | undefined): readonly string[] {
  const known = model.networks[network];
  if (known === undefined || fixed === undefined) return [];
  const { ip, ip6 } = fixedAddresses(known, fixed);
  return Object.values(model.containers).flatMap(({ name, networks }) => {
    const addresses = networks[network]?.addresses;
    const has = addresses !== undefined && (addresses.ip === ip || (ip6 !== '' && addresses.ip6 === ip6));
    return has ? [name] : [];
  });
}

function wanted(model: Model, network: string, fixed: number | undefined) {
  const known = model.networks[network];
  if (known === undefined || fixed === undefined) return {};
  const { ip, ip6 } = fixedAddresses(known, fixed);
  return ip6 === '' ? { ip } : { ip, ip6 };
}

/** What Docker says a container has, by network. */
async function addressesOf(container: Container): Promise<Readonly<Record<string, Addresses>>> {
  const { NetworkSettings } = await container.inspect();
  return Object.fromEntries(
    Object.entries(NetworkSettings.Networks).map(([name, { IPAddress, GlobalIPv6Address, MacAddress }]) => [
      name,
      { ip: IPAddress, ip6: GlobalIPv6Address, mac: MacAddress },
    ]),
  );
}
