import type { Logger } from 'pino';
import { differences } from '../../core/diff.ts';
import { errorMessage, KernelError, WeftError } from '../../core/errors.ts';
import type { EndpointId, IfName } from '../../core/ids.ts';
import {
  type ContainerLink,
  type HostState,
  isLanLink,
  type KernelObject,
  keyOf,
  type ObjectKey,
} from '../../core/kernel-objects.ts';
import type { Clock, ForwardAccept, Kernel, Step } from '../../core/ports.ts';
import type { OwnerId, Repository } from '../state/index.ts';
import { type DesiredState, deviceOf, type Wanted } from './desired.ts';
import type { DriftLog, Repair } from './drift-log.ts';

export interface ReconcilerParts {
  readonly repository: Repository;
  readonly kernel: Kernel;
  readonly forwardAccept: ForwardAccept;
  readonly desired: DesiredState;
  /** Bridges of weft's whose names do not tell, for DOCKER-USER. */
  readonly namedBridges: () => readonly IfName[];
  /** Brings a lost link back into its sandbox; false when the sandbox is gone as well. */
  readonly replumb: (link: ContainerLink, endpoint: EndpointId) => Promise<boolean>;
  /** False while it is not known yet whether what intent does not name is nobody's. */
  readonly mayDelete: () => boolean;
  /** Told of what a pass has repaired. */
  readonly repaired: (steps: readonly Step[]) => Promise<void>;
  readonly drift: DriftLog;
  readonly clock: Clock;
  readonly log: Logger;
}

type Plan = ReadonlyMap<ObjectKey, Wanted>;

export interface PassResult {
  /** Something could not be judged or repaired yet: another pass should follow soon. */
  readonly again: boolean;
  readonly repairs: number;
  /** A link was made: what names links by their index must be compared as well. */
  readonly remade?: true;
}

/**
 * Compares the kernel with intent and repairs the difference. A comparison says nothing about objects that are being
 * changed meanwhile: those whose owner is or was in flight while the snapshot was taken wait for the next pass. An
 * object of weft's that nobody wants is deleted when two passes have found it so.
 */
export class Reconciler {
  readonly #parts: ReconcilerParts;
  #orphans: ReadonlySet<ObjectKey> = new Set();

  constructor(parts: ReconcilerParts) {
    this.#parts = parts;
  }

  /**
   * One pass.
   * @param cause goes into the drift log: `start`, `notification`, `timer`. At `start` nothing is in flight.
   * @param only these links and what is on them.
   */
  async pass(cause: string, only?: ReadonlySet<string>): Promise<PassResult> {
    const { kernel, repository, desired } = this.#parts;
    const before = within(desired.now(), only);
    const versions = new Map<OwnerId, number>();
    for (const { owner } of before.values()) {
      if (owner !== undefined && !versions.has(owner)) versions.set(owner, repository.version(owner));
    }
    const actual = await kernel.snapshot(
      [...before.values()].map((each) => each.object),
      only,
    );
    // From here to apply() without an await: what is decided must hold for intent as it is when the steps are queued.
    const { steps, unsure } = this.#judge(within(desired.now(), only), actual, versions, cause === 'start');
    const { done, refused } = await this.#apply(steps);
    this.#record(done, cause);
    await this.#tell(done);
    desired.settle();
    if (only === undefined) await this.keepForwarding(cause);
    const remade = done.some(isLinkCreation) ? { remade: true as const } : {};
    return { again: unsure || refused > 0, repairs: done.length, ...remade };
  }

  #judge(
    desired: Plan,
    actual: HostState,
    versions: ReadonlyMap<OwnerId, number>,
    certain: boolean,
  ): { readonly steps: readonly Step[]; readonly unsure: boolean } {
    const orphans = new Set<ObjectKey>();
    const disturbed = this.#disturbed(desired, versions);
    const found = differences(desired, ({ object }) => object, actual).filter(
      (step) => step.op !== 'delete' || !this.#isLeaving(step),
    );
    const steps = found.filter((step) => {
      if (step.op !== 'delete') {
        const owner = disturbed.size === 0 ? undefined : desired.get(keyOf(step.object))?.owner;
        return owner === undefined || !disturbed.has(owner);
      }
      const key = keyOf(step.object);
      orphans.add(key);
      return this.#parts.mayDelete() && (certain || this.#orphans.has(key));
    });
    this.#orphans = orphans;
    return { steps, unsure: steps.length < found.length };
  }

  /** Whose objects have been or are being changed since `versions` were taken. */
  #disturbed(desired: Plan, versions: ReadonlyMap<OwnerId, number>): ReadonlySet<OwnerId> {
    const { repository } = this.#parts;
    const owners = new Set<OwnerId>();
    for (const { owner } of desired.values()) if (owner !== undefined) owners.add(owner);
    for (const owner of owners) {
      if (!repository.inFlight(owner) && versions.get(owner) === repository.version(owner))
        owners.delete(owner);
    }
    return owners;
  }

  #isLeaving(step: Step): boolean {
    return this.#lingers(step) || this.#parts.desired.leaves(keyOf(step.object));
  }

  /**
   * After Leave a link stays until its endpoint is deleted: Docker is moving it out of the sandbox. While it is being
   * deleted, the link goes next.
   */
  #lingers({ object }: Step): boolean {
    if (object.kind !== 'link' || (object.type !== 'veth' && !isLanLink(object))) return false;
    const endpoint = endpointIn(object.alias);
    const { repository } = this.#parts;
    return (
      endpoint !== undefined && (repository.endpoint(endpoint) !== undefined || repository.inFlight(endpoint))
    );
  }

  /** A container's link whose sandbox is gone is neither done nor refused: its endpoint waits for Docker to delete it. */
  async #apply(
    steps: readonly Step[],
  ): Promise<{ readonly done: readonly Step[]; readonly refused: number }> {
    const { kernel } = this.#parts;
    const doomed = steps.filter(isLinkDeletion);
    const names = doomed.map(({ object }) => deviceOf(object) as IfName);
    kernel.discardLinks(names);
    const direct = steps.filter((step) => !isLinkDeletion(step) && lostLink(step) === undefined);
    const done = [...(await this.#applyDirect(direct)), ...doomed];
    let refused = direct.length + doomed.length - done.length;
    for (const step of steps) {
      const link = lostLink(step);
      if (link === undefined) continue;
      const outcome = await this.#replumb(step, link);
      if (outcome === 'done') done.push(step);
      if (outcome === 'refused') refused++;
    }
    await kernel.discarded(names);
    return { done, refused };
  }

  /** All at once; if the kernel refuses something, one by one, so that one bad object stops no other. */
  async #applyDirect(steps: readonly Step[]): Promise<readonly Step[]> {
    if (steps.length === 0) return [];
    const { kernel } = this.#parts;
    try {
      await kernel.apply(steps);
      return steps;
    } catch (error) {
      this.#parts.log.debug({ error: errorMessage(error) }, 'repairing step by step');
    }
    const done: Step[] = [];
    for (const step of steps) {
      try {
        await kernel.apply([step]);
        done.push(step);
      } catch (error) {
        this.#refused(step, error);
      }
    }
    return done;
  }

  async #replumb(step: Step, link: ContainerLink): Promise<'done' | 'refused' | 'sandbox gone'> {
    const endpoint = endpointIn(link.alias);
    if (endpoint === undefined) return 'sandbox gone';
    try {
      // Somebody else's link has its name.
      if (step.op === 'replace') await this.#parts.kernel.apply([{ op: 'delete', object: link }]);
      return (await this.#parts.replumb(link, endpoint)) ? 'done' : 'sandbox gone';
    } catch (error) {
      this.#refused(step, error);
      return 'refused';
    }
  }

  #refused({ op, object }: Step, error: unknown): void {
    const level = waitsForParent(object, error) ? 'debug' : 'error';
    this.#parts.log[level]({ step: `${op} ${keyOf(object)}`, error: errorMessage(error) }, 'repair refused');
  }

  async #tell(steps: readonly Step[]): Promise<void> {
    try {
      await this.#parts.repaired(steps);
    } catch (error) {
      if (!(error instanceof WeftError)) throw error;
      this.#parts.log.warn({ error: errorMessage(error) }, 'containers were not told of what was repaired');
    }
  }

  #record(steps: readonly Step[], cause: string): void {
    const { clock, drift } = this.#parts;
    if (cause === 'start') {
      drift.recovered(steps.map(({ object }) => object.kind));
      return;
    }
    const at = clock.now();
    for (const { op, object } of steps) {
      drift.add({ at, kind: object.kind, key: keyOf(object), cause, action: ACTION[op] });
    }
  }

  /** Looks after weft's rules in DOCKER-USER alone. Never rejects. */
  async keepForwarding(cause: string): Promise<void> {
    const { forwardAccept, namedBridges, drift, clock, log } = this.#parts;
    try {
      for (const chain of await forwardAccept.ensure(namedBridges())) {
        drift.add({ at: clock.now(), kind: 'docker-user', key: chain, cause, action: 'created' });
      }
    } catch (error) {
      log.error({ error: errorMessage(error) }, 'DOCKER-USER could not be kept');
    }
  }
}

const ACTION: Readonly<Record<Step['op'], Repair['action']>> = {
  create: 'created',
  replace: 'replaced',
  delete: 'deleted',
};

function within(desired: Plan, only: ReadonlySet<string> | undefined): Plan {
  if (only === undefined) return desired;
  return new Map([...desired].filter(([, { object }]) => only.has(deviceOf(object) ?? '')));
}

function isLinkCreation({ op, object }: Step): boolean {
  return op === 'create' && object.kind === 'link';
}

/** What stands on a device that is gone or down is made when the device comes back. */
function waitsForParent(object: KernelObject, error: unknown): boolean {
  if (!(error instanceof KernelError) || (error.errno !== 'ENODEV' && error.errno !== 'ENETDOWN'))
    return false;
  return (
    object.kind === 'address' || object.kind === 'route' || (object.kind === 'link' && 'parent' in object)
  );
}

function isLinkDeletion({ op, object }: Step): boolean {
  return op === 'delete' && object.kind === 'link';
}

/**
 * A veth whose host end is gone, or is another link by now, has taken the container's interface with it. A link on a LAN
 * is not corrected where it is, because what differs came with its making.
 */
function lostLink(step: Step): ContainerLink | undefined {
  const { op, object } = step;
  if (op !== 'delete' && isLanLink(object) && object.sandbox !== undefined) return object;
  if (op === 'delete' || object.kind !== 'link' || object.type !== 'veth') return undefined;
  const isThere = op === 'replace' && step.was.kind === 'link' && step.was.type === 'veth';
  return isThere ? undefined : object;
}

/** `weft:<driver>:<network>:<endpoint>` */
function endpointIn(alias: string): EndpointId | undefined {
  return alias.split(':')[3] as EndpointId | undefined;
}
