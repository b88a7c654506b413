import type { BareWeftd } from './bare-weftd.ts';
import type { BenchEndpoint, EngineSide } from './engine-side.ts';

/** A namespace on the machine that takes the container ends of every endpoint. */
const ENDS = 'ends';
/** Links moved by one run of `ip`. */
const CHUNK = 250;

/** Endpoints that stay, as so many running containers: joined, with the ports given, their ends in a namespace. */
export class Population {
  readonly #weftd: BareWeftd;
  readonly #side: EngineSide;
  readonly #progress: (text: string) => void;
  #hasEnds = false;
  #count = 0;

  constructor(weftd: BareWeftd, side: EngineSide, progress: (text: string) => void) {
    this.#weftd = weftd;
    this.#side = side;
    this.#progress = progress;
  }

  /** Adds endpoints to a network until there are `count`, each with the ports that `portsOf` gives for its number. */
  async growTo(
    count: number,
    networkId: string,
    portsOf: (number: number) => readonly number[],
  ): Promise<readonly BenchEndpoint[]> {
    const made: BenchEndpoint[] = [];
    for (; this.#count < count; this.#count++) {
      const ports = portsOf(this.#count);
      const endpoint = await this.#side.join(networkId, ports);
      if (ports.length > 0) await this.#side.program(endpoint);
      made.push(endpoint);
      if (made.length % CHUNK === 0 || this.#count === count - 1) await this.#moveEnds();
      if (made.length % CHUNK === 0) this.#progress(`${this.#count + 1} endpoints`);
    }
    return made;
  }

  /** Every veth end that is on no bridge goes into the namespace, as an engine does with each at once. */
  async #moveEnds(): Promise<void> {
    const { machine } = this.#weftd;
    if (!this.#hasEnds) await machine.exec(['ip', 'netns', 'add', ENDS]);
    this.#hasEnds = true;
    const links = JSON.parse(await machine.exec(['ip', '-j', 'link', 'show', 'type', 'veth'])) as readonly {
      readonly ifname: string;
      readonly master?: string;
      readonly link_netnsid?: number;
    }[];
    const ends = links.filter((link) => link.master === undefined && link.ifname !== 'eth0');
    const input = ends.map(({ ifname }) => `link set ${ifname} netns ${ENDS}\n`).join('');
    await machine.exec(['ip', '-b', '-'], { input, timeoutMs: 120_000 });
  }
}
