/**
 * The cluster as it should be: what was asked for and granted, and what is broken at the moment. Addresses that weft
 * chose are part of it once it has chosen them.
 */
export interface Model {
  readonly hosts: Readonly<Record<string, HostModel>>;
  /** Whether each etcd member runs. */
  readonly members: readonly boolean[];
  readonly networks: Readonly<Record<string, NetworkModel>>;
  readonly containers: Readonly<Record<string, ContainerModel>>;
  /** Containers and networks made so far: names and subnets are not used twice. */
  readonly made: number;
}

export interface HostModel {
  readonly weftd: boolean;
  readonly dockerd: boolean;
  /** `store`: no way to any etcd member. `all`: no way to anybody. */
  readonly cut: 'no' | 'store' | 'all';
}

export interface NetworkModel {
  readonly name: string;
  /** First three bytes of its IPv4 subnet. */
  readonly base4: string;
  /** Its IPv6 subnet without the prefix length; absent when it has none. */
  readonly base6?: string;
  /** Prefix length of the IPv4 subnet. */
  readonly prefix4: 24 | 28;
  readonly multicast: boolean;
  readonly internal: boolean;
  /** Hosts on which it was removed while others used it. */
  readonly left: readonly string[];
}

export interface ContainerModel {
  readonly name: string;
  readonly host: string;
  readonly running: boolean;
  /** By network. Of a container that does not run: what it will ask for. */
  readonly networks: Readonly<Record<string, Attachment>>;
}

export interface Attachment {
  /** Last part of the addresses that were asked for; absent: weft chooses. */
  readonly fixed?: number;
  /** What it has while it runs. */
  readonly addresses?: Addresses;
}

export interface Addresses {
  readonly ip: string;
  /** Empty without IPv6. */
  readonly ip6: string;
  readonly mac: string;
}

/** One thing that is done to the cluster. */
export type Step =
  | { readonly kind: 'create network'; readonly host: string; readonly network: NetworkModel }
  | {
      readonly kind: 'remove network' | 'leave network' | 'rejoin network';
      readonly host: string;
      readonly network: string;
    }
  | {
      readonly kind: 'run';
      readonly host: string;
      readonly container: string;
      readonly network: string;
      readonly fixed?: number;
    }
  | { readonly kind: 'start' | 'stop' | 'kill' | 'remove'; readonly container: string }
  | { readonly kind: 'move'; readonly container: string; readonly host: string }
  | {
      readonly kind: 'connect';
      readonly container: string;
      readonly network: string;
      readonly fixed?: number;
    }
  | { readonly kind: 'disconnect'; readonly container: string; readonly network: string }
  | { readonly kind: HostStep; readonly host: string }
  | { readonly kind: 'kill etcd' | 'start etcd'; readonly member: number }
  | { readonly kind: 'compact etcd' }
  | { readonly kind: 'wait'; readonly ms: number };

/** What is done to a host, or to what stands between it and others. */
export type HostStep =
  | 'kill weftd'
  | 'start weftd'
  | 'restart weftd'
  | 'kill dockerd'
  | 'start dockerd'
  | 'cut from etcd'
  | 'cut off'
  | 'heal'
  | 'wipe entries'
  | 'delete tunnels'
  | 'reboot';

/** What became of a step. */
export type Outcome =
  | {
      readonly kind: 'done';
      /** Of the container, by network, as Docker shows them. */
      readonly addresses?: Readonly<Record<string, Addresses>>;
    }
  | {
      readonly kind: 'refused';
      readonly message: string;
      /** What has become of the container all the same; null: there is none. Absent: what it was. */
      readonly found?: ContainerModel | null;
    };

export function emptyModel(hosts: readonly string[], members: number): Model {
  return {
    hosts: Object.fromEntries(hosts.map((name) => [name, { weftd: true, dockerd: true, cut: 'no' }])),
    members: Array.from({ length: members }, () => true),
    networks: {},
    containers: {},
    made: 0,
  };
}

/** Whether everything works: nothing is killed or cut. */
export function isWhole(model: Model): boolean {
  return (
    model.members.every(Boolean) &&
    Object.values(model.hosts).every(({ weftd, dockerd, cut }) => weftd && dockerd && cut === 'no')
  );
}

/** Whether containers can be made and removed there. */
export function isUsable({ hosts }: Model, name: string): boolean {
  const host = hosts[name];
  return host?.weftd === true && host.dockerd;
}

/** Whether a host's weftd can write to etcd. */
export function reachesStore(model: Model, name: string): boolean {
  const votes = model.members.filter(Boolean).length;
  return model.hosts[name]?.cut === 'no' && votes > model.members.length / 2;
}

/** The networks that a host has. */
export function networksOn({ networks }: Model, host: string): readonly NetworkModel[] {
  return Object.values(networks).filter(({ left }) => !left.includes(host));
}

/** The containers that have an endpoint on a network. */
export function onNetwork(
  { containers }: Model,
  network: string,
): readonly (ContainerModel & { readonly addresses: Addresses })[] {
  return Object.values(containers).flatMap((container) => {
    const addresses = container.networks[network]?.addresses;
    return container.running && addresses !== undefined ? [{ ...container, addresses }] : [];
  });
}

/** The cluster after a step. */
export function advance(model: Model, step: Step, outcome: Outcome): Model {
  if (outcome.kind === 'refused') return refused(model, step, outcome.found);
  switch (step.kind) {
    case 'create network':
      return {
        ...model,
        made: model.made + 1,
        networks: { ...model.networks, [step.network.name]: step.network },
      };
    case 'remove network':
      return { ...model, networks: without(model.networks, step.network) };
    case 'leave network':
      return withLeft(model, step.network, (left) => [...left, step.host]);
    case 'rejoin network':
      return withLeft(model, step.network, (left) => left.filter((host) => host !== step.host));
    case 'run': {
      const networks = { [step.network]: asked(step.fixed) };
      const container = { name: step.container, host: step.host, running: true, networks };
      return { ...withContainer(model, given(container, outcome.addresses)), made: model.made + 1 };
    }
    case 'remove':
      return { ...model, containers: without(model.containers, step.container) };
    case 'start':
      return changed(model, step.container, (each) => given({ ...each, running: true }, outcome.addresses));
    case 'stop':
    case 'kill':
      return changed(model, step.container, ended);
    case 'move':
      return changed(model, step.container, (each) => given({ ...each, host: step.host }, outcome.addresses));
    case 'connect':
      return changed(model, step.container, (each) =>
        given(
          { ...each, networks: { ...each.networks, [step.network]: asked(step.fixed) } },
          outcome.addresses,
        ),
      );
    case 'disconnect':
      return changed(model, step.container, (each) => ({
        ...each,
        networks: without(each.networks, step.network),
      }));
    case 'kill etcd':
    case 'start etcd':
      return { ...model, members: model.members.with(step.member, step.kind === 'start etcd') };
    case 'compact etcd':
    case 'wait':
      return model;
    case 'reboot':
      return {
        ...model,
        containers: Object.fromEntries(
          Object.entries(model.containers).map(([name, each]) => [
            name,
            each.host === step.host ? ended(each) : each,
          ]),
        ),
      };
    default:
      return {
        ...model,
        hosts: { ...model.hosts, [step.host]: hostAfter(model.hosts[step.host], step.kind) },
      };
  }
}

/** A refusal leaves all as it was, but the names that were tried are not tried again. */
function refused(model: Model, step: Step, found: ContainerModel | null | undefined): Model {
  const made = step.kind === 'run' || step.kind === 'create network' ? model.made + 1 : model.made;
  if (found === undefined || !('container' in step)) return { ...model, made };
  if (found === null) return { ...model, made, containers: without(model.containers, step.container) };
  return { ...withContainer(model, found), made };
}

function hostAfter(host: HostModel = { weftd: true, dockerd: true, cut: 'no' }, kind: HostStep): HostModel {
  switch (kind) {
    case 'kill weftd':
      return { ...host, weftd: false };
    case 'start weftd':
      return { ...host, weftd: true };
    case 'kill dockerd':
      return { ...host, dockerd: false };
    case 'start dockerd':
      return { ...host, dockerd: true };
    case 'cut from etcd':
      return { ...host, cut: 'store' };
    case 'cut off':
      return { ...host, cut: 'all' };
    case 'heal':
      return { ...host, cut: 'no' };
    case 'restart weftd':
    case 'wipe entries':
    case 'delete tunnels':
    case 'reboot':
      return host;
  }
}

function asked(fixed: number | undefined): Attachment {
  return fixed === undefined ? {} : { fixed };
}

function given(
  container: ContainerModel,
  addresses: Readonly<Record<string, Addresses>> = {},
): ContainerModel {
  const networks = Object.entries(container.networks).map(([name, attachment]) => {
    const found = addresses[name];
    return [name, { ...attachment, ...(found === undefined ? {} : { addresses: found }) }] as const;
  });
  return { ...container, networks: Object.fromEntries(networks) };
}

function ended(container: ContainerModel): ContainerModel {
  const networks = Object.entries(container.networks).map(
    ([name, { fixed }]) => [name, asked(fixed)] as const,
  );
  return { ...container, running: false, networks: Object.fromEntries(networks) };
}

function withLeft(model: Model, name: string, change: (left: readonly string[]) => readonly string[]): Model {
  const network = model.networks[name];
  if (network === undefined) return model;
  return {
    ...model,
    networks: { ...model.networks, [name]: { ...network, left: change(network.left) } },
  };
}

function changed(model: Model, name: string, change: (container: ContainerModel) => ContainerModel): Model {
  const container = model.containers[name];
  return container === undefined ? model : withContainer(model, change(container));
}

function withContainer(model: Model, container: ContainerModel): Model {
  return { ...model, containers: { ...model.containers, [container.name]: container } };
}

function without<T>(from: Readonly<Record<string, T>>, name: string): Readonly<Record<string, T>> {
  return Object.fromEntries(Object.entries(from).filter(([key]) => key !== name));
}
