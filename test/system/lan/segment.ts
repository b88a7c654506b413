import { openScratchNamespace, type ScratchNamespace } from '../../support/scratch-namespace.ts';

/** Machines on one LAN segment, each in a namespace with a link `eth0`: a bridge joins them. */
export class Segment implements Disposable {
  readonly #lan: ScratchNamespace;
  readonly #machines: ScratchNamespace[] = [];

  private constructor(lan: ScratchNamespace) {
    this.#lan = lan;
  }

  static async open(): Promise<Segment> {
    const lan = await openScratchNamespace();
    lan.run('ip link add lan type bridge mcast_snooping 0; ip link set lan up');
    return new Segment(lan);
  }

  /** @param mac of its `eth0`, which is up and has no address. */
  async machine(mac: string): Promise<ScratchNamespace> {
    const machine = await openScratchNamespace();
    const port = `port${this.#machines.push(machine)}`;
    this.#lan.run(`
      ip link add ${port} type veth peer name eth0 netns ${machine.pid}
      ip link set ${port} master lan up`);
    machine.run(`
      ip link set lo up
      ip link set eth0 address ${mac}
      ip link set eth0 up`);
    return machine;
  }

  /** The port of the n-th machine, from 1, sends back what it receives, as a switch for VEPA does. */
  reflect(machine: number): void {
    this.#lan.run(`bridge link set dev port${machine} hairpin on`);
  }

  [Symbol.dispose](): void {
    for (const namespace of [...this.#machines, this.#lan]) namespace[Symbol.dispose]();
  }
}
