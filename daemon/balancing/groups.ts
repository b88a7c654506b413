import type { Group, Member } from './member.ts';
import type { PlannedService } from './planned-service.ts';
import { NOTHING, type StateMaker } from './vip-state.ts';

export interface GroupsParts {
  readonly states: StateMaker;
  /** The services of networks, in their order, as they are for such a place. */
  readonly services: (place: Group['place'], networks: readonly string[]) => Iterable<PlannedService>;
}

/** Namespaces by what they are to hold. */
export class Groups {
  readonly #parts: GroupsParts;
  readonly #known = new Map<string, Group>();

  constructor(parts: GroupsParts) {
    this.#parts = parts;
  }

  all(): Iterable<Group> {
    return this.#known.values();
  }

  members(): Iterable<Member> {
    return [...this.#known.values()].flatMap(({ members }) => [...members]);
  }

  /** The group of namespaces that reach these networks from such a place; planned if it is new. */
  of(place: Group['place'], networks: readonly string[]): Group {
    const key = `${place} ${networks.join(' ')}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const group: Group = { key, networks, place, members: new Set(), state: NOTHING };
    this.#known.set(key, group);
    this.#plan(group);
    return group;
  }

  /** @returns whether the namespace is to hold something else now. */
  move(member: Member, networks: readonly string[]): boolean {
    const group = this.of(member.group.place, networks);
    if (group === member.group) return false;
    this.remove(member);
    member.group = group;
    group.members.add(member);
    return true;
  }

  remove(member: Member): void {
    const { group } = member;
    group.members.delete(member);
    if (group.members.size === 0) this.#known.delete(group.key);
  }

  /** Forgets groups without members. */
  prune(): void {
    for (const group of this.#known.values()) if (group.members.size === 0) this.#known.delete(group.key);
  }

  /** Plans anew what reaches one of these networks. */
  plan(networks: ReadonlySet<string>): void {
    for (const group of this.#known.values()) {
      if (group.networks.some((network) => networks.has(network))) this.#plan(group);
    }
  }

  #plan(group: Group): void {
    const { states, services } = this.#parts;
    group.state = states.after(group.state, group.place, services(group.place, group.networks));
  }
}
