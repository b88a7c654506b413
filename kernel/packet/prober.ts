import { type Family, familyOf, type Ip } from '../../core/address.ts';
import type { Mac } from '../../core/ids.ts';
import { BRIEF_TIMING, PROBE_TIMING, type ProbedLink, ProbeSocket } from './probe-socket.ts';

/** Finds out whether an address is in use on a link, by asking and listening. */
export class Prober implements Disposable {
  readonly #namespace: string | undefined;
  readonly #sockets = new Map<string, ProbeSocket>();

  /** @param namespace namespace file; absent: the process' own. */
  constructor(namespace?: string) {
    this.#namespace = namespace;
  }

  /**
   * Who has an address, or is about to take it: the first to say so within `PROBE_TIMING`, or `BRIEF_TIMING`. Undefined
   * when nobody has.
   * @throws {KernelError} `EPERM` without CAP_NET_RAW; `ENETDOWN`, `ENXIO` or `ENODEV` when the link is down, or goes
   * meanwhile.
   */
  async probe(link: ProbedLink, ip: Ip, how?: 'briefly'): Promise<Mac | undefined> {
    return this.#socket(link, familyOf(ip)).probe(ip, how === 'briefly' ? BRIEF_TIMING : PROBE_TIMING);
  }

  /** Ends all probes as unanswered. */
  [Symbol.dispose](): void {
    for (const socket of [...this.#sockets.values()]) socket.close();
  }

  #socket(link: ProbedLink, family: Family): ProbeSocket {
    const key = `${link.ifindex} ${family}`;
    const open = this.#sockets.get(key);
    // A link that has a new MAC gets a new socket; the old one ends with its probes.
    if (open?.serves(link)) return open;
    const socket: ProbeSocket = new ProbeSocket(link, family, this.#namespace, () => {
      if (this.#sockets.get(key) === socket) this.#sockets.delete(key);
    });
    this.#sockets.set(key, socket);
    return socket;
  }
}
