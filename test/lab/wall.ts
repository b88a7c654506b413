import type { Underlay } from './underlay.ts';

/** Something with a port on an underlay: a host or a machine. */
export interface Plugged {
  /** Name of its port on the underlay's bridge. */
  readonly port: string;
}

/**
 * Drops frames on an underlay's bridge without a sign to anybody, as a broken switch does: links stay up, nothing is
 * refused. A pulled cable, which the host sees, is `setCable` of the host.
 */
export class Wall {
  readonly #underlay: Underlay;
  readonly #apart = new Set<string>();
  readonly #alone = new Set<string>();

  constructor(underlay: Underlay) {
    this.#underlay = underlay;
  }

  /** From now on no frame passes between any of `some` and any of `others`, either way. */
  async separate(some: readonly Plugged[], others: readonly Plugged[]): Promise<void> {
    for (const one of some) {
      for (const other of others) {
        this.#apart.add(`"${one.port}" . "${other.port}"`).add(`"${other.port}" . "${one.port}"`);
      }
    }
    await this.#write();
  }

  /** From now on no frame passes to or from `member`, the router's included. */
  async enclose(member: Plugged): Promise<void> {
    this.#alone.add(`"${member.port}"`);
    await this.#write();
  }

  /** Everything passes again; only what concerns `member` when it is given. */
  async open(member?: Plugged): Promise<void> {
    for (const set of [this.#apart, this.#alone]) {
      for (const entry of set) {
        if (member === undefined || entry.includes(`"${member.port}"`)) set.delete(entry);
      }
    }
    await this.#write();
  }

  /** The whole table in one transaction, so that what was asked for together begins together. */
  async #write(): Promise<void> {
    const elements = (entries: ReadonlySet<string>) =>
      entries.size === 0 ? '' : `elements = { ${[...entries].join(', ')} };`;
    const input = `
      table bridge wall
      delete table bridge wall
      table bridge wall {
        set apart { type ifname . ifname; ${elements(this.#apart)} }
        set alone { type ifname; ${elements(this.#alone)} }
        chain prerouting { type filter hook prerouting priority -300; iifname @alone drop; }
        chain forward { type filter hook forward priority -300; iifname . oifname @apart drop; }
        chain postrouting { type filter hook postrouting priority -300; oifname @alone drop; }
      }`;
    await this.#underlay.exec(['nft', '-f', '-'], { input });
  }
}
