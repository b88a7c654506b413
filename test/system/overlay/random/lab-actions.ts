import { setTimeout as delay } from 'node:timers/promises';
import { type ClusterNode, type DockerClient, until } from '../../../lab/index.ts';
import { deleteEntries, tunnels } from '../kernel-entries.ts';
import { findNetwork, type OverlayScene, overlaySpec } from '../overlay-scene.ts';
import { ContainerActions, refusable } from './container-actions.ts';
import { readApi } from './host-view.ts';
import { type HostStep, isWhole, type Model, type NetworkModel, type Outcome, type Step } from './model.ts';
import { holds } from './outdated.ts';
import { viewStore } from './store-view.ts';

/** How long what other hosts have told may take to be seen. */
const SEEN_MS = 10_000;
/** The same while something is broken: the step is not done then. */
const HASTY_MS = 1000;
const CLEAR_MS = 60_000;

/** Does steps to a real cluster. */
export class LabActions {
  readonly #scene: OverlayScene;
  readonly #containers: ContainerActions;

  constructor(scene: OverlayScene) {
    this.#scene = scene;
    this.#containers = new ContainerActions(scene);
  }

  /**
   * Does a step and tells what became of it. A refusal by Docker is an outcome.
   * @param isAlone whether nothing else is done at the same time.
   * @throws {Error} when something that must not fail does: a daemon that does not come up.
   */
  async do(step: Step, model: Model, isAlone: boolean): Promise<Outcome> {
    switch (step.kind) {
      case 'create network':
        return this.#create(step.host, step.network, model);
      case 'rejoin network': {
        const network = model.networks[step.network];
        if (network === undefined) throw new Error(`there is no network ${step.network}`);
        return this.#create(step.host, network, model);
      }
      case 'remove network':
        return this.#remove(step.host, step.network, model);
      case 'leave network':
        return this.#leave(step.host, step.network, model);
      case 'run':
      case 'start':
      case 'stop':
      case 'kill':
      case 'remove':
      case 'move':
      case 'connect':
      case 'disconnect':
        return this.#containers.do(step, model, isAlone);
      case 'kill etcd':
        await this.#member(step.member).stop('SIGKILL');
        return { kind: 'done' };
      case 'start etcd':
        await this.#member(step.member).start();
        return { kind: 'done' };
      case 'compact etcd':
        return this.#compact();
      case 'wait':
        await delay(step.ms);
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

  /** Removes every container, and every network until no host has one. @throws {Error} when some stay. */
  async clear(): Promise<void> {
    const { nodes } = this.#scene;
    await Promise.all(
      nodes.map(async ({ docker }) => {
        for (const container of await docker.listContainers()) await container.remove();
      }),
    );
    const isEmpty = async () => {
      const left = await Promise.all(nodes.map(({ docker }) => removeNetworks(docker)));
      return left.every((count) => count === 0);
    };
    await until('no host has a network', isEmpty, { timeoutMs: CLEAR_MS, intervalMs: 500 });
  }

  async #toHost(kind: HostStep, node: ClusterNode): Promise<void> {
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
      case 'reboot':
        return node.reboot();
      case 'cut from etcd':
        return this.#scene.cluster.cutFromStore(node);
      case 'cut off':
        return this.#scene.cluster.wall.enclose(node.host);
      case 'heal':
        return this.#scene.cluster.wall.open(node.host);
      case 'wipe entries':
        return wipe(node);
      case 'delete tunnels':
        for (const dev of (await tunnels(node)).keys()) {
          const { code, stderr } = await node.host.tryExec(['ip', 'link', 'delete', dev]);
          // Its network may have been removed elsewhere just now, and this one may be on its way.
          if (code !== 0 && !stderr.includes('Cannot find device')) throw new Error(stderr);
        }
    }
  }

  #create(
    host: string,
    { name, base4, base6, prefix4, multicast, internal }: NetworkModel,
    model: Model,
  ): Promise<Outcome> {
    const subnets = [
      { subnet: `${base4}.0/${prefix4}` },
      ...(base6 === undefined ? [] : [{ subnet: `${base6}/64` }]),
    ];
    const options = multicast ? { 'weft.multicast': 'true' } : {};
    const spec = overlaySpec(name, { subnets, ipv6: base6 !== undefined, options, internal });
    const hasNone = async () => (await findNetwork(this.#node(host), name)) === undefined;
    return refusable(async () => {
      // One of that name may have been removed elsewhere just now.
      if (isWhole(model))
        await until(`${name} is gone`, hasNone, { timeoutMs: SEEN_MS }).catch(() => undefined);
      await this.#node(host).docker.createNetwork(spec);
    });
  }

  /** Once the host sees that no host has an endpoint there: before, it would be the host's own removal only. */
  async #remove(host: string, name: string, model: Model): Promise<Outcome> {
    const isUnused = async () =>
      (await this.#has(host, name, model)) &&
      (await this.#uses(host, name))?.every(({ endpoints }) => endpoints === 0);
    try {
      await until(`${name} is unused`, isUnused, { timeoutMs: isWhole(model) ? SEEN_MS : HASTY_MS });
    } catch {
      return { kind: 'refused', message: `to ${host} network ${name} is in use, or not known` };
    }
    return refusable(() => this.#node(host).docker.removeNetwork(name));
  }

  /** Once the host sees that others use it, and until the cluster has been told. */
  async #leave(host: string, name: string, model: Model): Promise<Outcome> {
    const isUsed = async () =>
      (await this.#has(host, name, model)) &&
      (await this.#uses(host, name))?.some(({ node, endpoints }) => node !== host && endpoints > 0);
    try {
      await until(`${name} is used by others`, isUsed, { timeoutMs: SEEN_MS });
    } catch {
      return { kind: 'refused', message: `to ${host} network ${name} is not in use, or not known` };
    }
    const outcome = await refusable(() => this.#node(host).docker.removeNetwork(name));
    if (outcome.kind === 'refused') return outcome;
    const isTold = async () => (await viewStore(this.#scene.cluster.etcd)).left.includes(`${name}/${host}`);
    await until(`the cluster knows that ${host} has left ${name}`, isTold, { timeoutMs: SEEN_MS });
    return outcome;
  }

  async #has(host: string, name: string, { networks }: Model): Promise<boolean> {
    const network = networks[name];
    return network !== undefined && (await holds(this.#node(host), network)) === 'it';
  }

  async #uses(host: string, name: string) {
    const views = await readApi<readonly NetworkUse[]>(this.#node(host), '/v1/networks');
    return views.find(({ cluster }) => cluster?.name === name)?.cluster?.members;
  }

  async #compact(): Promise<Outcome> {
    const { any } = this.#scene.cluster.etcd;
    const [status] = await any.status();
    // Nothing may have been written since the last time.
    await any.ctl(['compact', String(status?.revision)]).catch(() => undefined);
    return { kind: 'done' };
  }

  #node(name: string): ClusterNode {
    return this.#scene.cluster.node(name);
  }

  #member(index: number) {
    const member = this.#scene.cluster.etcd.members[index];
    if (member === undefined) throw new Error(`there is no etcd member ${index}`);
    return member;
  }
}

/** Removes the overlay networks of a host; how many there were. Another host's removal may come here before. */
async function removeNetworks(docker: DockerClient): Promise<number> {
  const networks = (await docker.listNetworks()).filter(({ Driver }) => Driver === 'weft-overlay');
  for (const { Id } of networks) await refusable(() => docker.removeNetwork(Id));
  return networks.length;
}

/** Some may go by themselves between the look and the deletion. */
async function wipe(node: ClusterNode): Promise<void> {
  try {
    await deleteEntries(node);
  } catch (error) {
    if (!(error instanceof Error && /No such file|Cannot find/.test(error.message))) throw error;
  }
}

interface NetworkUse {
  readonly cluster?: {
    readonly name?: string;
    readonly members?: readonly { readonly node: string; readonly endpoints: number }[];
  };
}
