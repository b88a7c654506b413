import { randomBytes } from 'node:crypto';
import { type Family, familyOf, type Ip } from '../../core/address.ts';
import type { Mac } from '../../core/ids.ts';
import { receiveNow, sendTo } from '../libc/index.ts';
import { type AddressClaim, arpClaim, encodeArpProbe } from './arp.ts';
import { discoveryClaim, encodeDadSolicitation, NONCE_BYTES } from './duplicate-address.ts';
import { ETHER_TYPE } from './ethernet.ts';
import { ALL_NODES, multicastMac, solicitedNode } from './neighbour-discovery.ts';
import { closeLater, linkAddress, listenTo, openPacketSocket, setMembership } from './packet-socket.ts';

/**
 * How an address is probed. RFC 5227 section 1.1 takes 1–2 s between three probes and 2 s after them, RFC 4862 section
 * 5.1 one solicitation and 1 s: made for hosts that come up with a switch port which may not forward for that long, once.
 * Here the port has been up, a container is waited for, and whoever answers ARP does so within milliseconds. What a
 * sleeping station misses, the announcement at the join and the other side's own detection still show.
 */
export const PROBE_TIMING: ProbeTiming = { count: 3, intervalMs: 100, lookMs: 10 };

/**
 * How an address is probed again that was free a moment ago: whoever has taken it since is awake, and answers ARP in less
 * than a millisecond on a wired LAN.
 */
export const BRIEF_TIMING: ProbeTiming = { count: 1, intervalMs: 2, lookMs: 1 };

export interface ProbeTiming {
  readonly count: number;
  /** Milliseconds between probes, and for an answer to the last. */
  readonly intervalMs: number;
  /** Milliseconds between looks at what has come in: no descriptor of this kind can be waited for in Node. */
  readonly lookMs: number;
}

/** Frames taken in one look, so that a flood of ARP does not keep the event loop. */
const FRAMES_AT_ONCE = 128;
/** Longer ones are cut: ARP and discovery need 86 bytes, and options seldom more. */
const FRAME_BYTES = 512;

/** A probe under way. */
interface Probe {
  readonly ip: Ip;
  readonly nonce: Uint8Array;
  readonly timing: ProbeTiming;
  readonly looking: NodeJS.Timeout;
  sent: number;
  /** Milliseconds of `performance.now()`: when to send the next, or to end after the last. */
  due: number;
  readonly resolve: (holder: Mac | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/** The link that a socket probes on. */
export interface ProbedLink {
  readonly ifindex: number;
  /** The link's own MAC, from which probes come. */
  readonly mac: Mac;
}

/** Probes of one family on one link, which share a socket for as long as there are any. */
export class ProbeSocket {
  readonly #fd: number;
  readonly #link: ProbedLink;
  readonly #family: Family;
  readonly #etherType: number;
  readonly #probes = new Set<Probe>();
  readonly #buffer = new Uint8Array(FRAME_BYTES);
  readonly #closed: () => void;

  /**
   * @param closed is called when the last probe has ended and the socket is no more.
   * @throws {KernelError} `EPERM` without CAP_NET_RAW, `ENODEV` when no link has the index.
   */
  constructor(link: ProbedLink, family: Family, namespace: string | undefined, closed: () => void) {
    this.#link = link;
    this.#family = family;
    this.#etherType = family === 4 ? ETHER_TYPE.arp : ETHER_TYPE.ipv6;
    this.#closed = closed;
    this.#fd = openPacketSocket(namespace);
    try {
      listenTo(this.#fd, link.ifindex, this.#etherType);
      if (family === 6) setMembership(this.#fd, link.ifindex, multicastMac(ALL_NODES), true);
    } catch (error) {
      closeLater(this.#fd);
      throw error;
    }
  }

  /** Whether probes for this link, as it is now, can use the socket. */
  serves({ ifindex, mac }: ProbedLink): boolean {
    return ifindex === this.#link.ifindex && mac === this.#link.mac;
  }

  /**
   * Who has the address, or is about to take it.
   * @throws {KernelError} `ENETDOWN`, `ENXIO` or `ENODEV` when the link is down, or goes meanwhile.
   */
  probe(ip: Ip, timing: ProbeTiming): Promise<Mac | undefined> {
    const { promise, resolve, reject } = Promise.withResolvers<Mac | undefined>();
    const [nonce, due] = [randomBytes(NONCE_BYTES), performance.now()];
    const looking = setInterval(() => this.#look(), timing.lookMs);
    const probe = { ip, nonce, timing, looking, sent: 0, due, resolve, reject };
    this.#probes.add(probe);
    try {
      this.#hear(probe, true);
      this.#send(probe);
    } catch (error) {
      this.#end(probe, () => reject(error));
    }
    return promise;
  }

  /** Ends all probes as unanswered. */
  close(): void {
    for (const probe of [...this.#probes]) this.#end(probe, () => probe.resolve(undefined));
  }

  /** First what has come in, so that a late look does not end a probe that was answered. */
  #look(): void {
    try {
      this.#receive();
    } catch (error) {
      for (const probe of [...this.#probes]) this.#end(probe, () => probe.reject(error));
      return;
    }
    for (const probe of [...this.#probes]) {
      if (performance.now() < probe.due) continue;
      if (probe.sent === probe.timing.count) {
        this.#end(probe, () => probe.resolve(undefined));
        continue;
      }
      try {
        this.#send(probe);
      } catch (error) {
        this.#end(probe, () => probe.reject(error));
      }
    }
  }

  #receive(): void {
    for (let count = 0; count < FRAMES_AT_ONCE; count++) {
      const size = receiveNow(this.#fd, this.#buffer);
      if (size === undefined) return;
      const frame = this.#buffer.subarray(0, size);
      const claim = this.#family === 4 ? arpClaim(frame) : discoveryClaim(frame);
      if (claim !== undefined) this.#judge(claim);
    }
  }

  /** What comes from the link's own MAC, or has a probe's own nonce, is a probe that a switch has sent back. */
  #judge({ ip, mac, nonce }: AddressClaim & { readonly nonce?: Uint8Array }): void {
    if (mac === this.#link.mac) return;
    const isOwn = nonce !== undefined && [...this.#probes].some((each) => sameBytes(each.nonce, nonce));
    if (isOwn) return;
    for (const probe of [...this.#probes]) if (probe.ip === ip) this.#end(probe, () => probe.resolve(mac));
  }

  #send(probe: Probe): void {
    const { mac, ifindex } = this.#link;
    const { ip, nonce } = probe;
    const frame = this.#family === 4 ? encodeArpProbe(mac, ip) : encodeDadSolicitation(mac, ip, nonce);
    sendTo(this.#fd, frame, linkAddress(ifindex, this.#etherType));
    probe.sent++;
    probe.due = performance.now() + probe.timing.intervalMs;
  }

  /** The solicitations of others that are about to take the address go to a group of their own. */
  #hear({ ip }: Probe, member: boolean): void {
    if (familyOf(ip) === 4) return;
    setMembership(this.#fd, this.#link.ifindex, multicastMac(solicitedNode(ip)), member);
  }

  #end(probe: Probe, settle: () => void): void {
    if (!this.#probes.delete(probe)) return;
    clearInterval(probe.looking);
    settle();
    if (this.#probes.size === 0) {
      closeLater(this.#fd);
      this.#closed();
      return;
    }
    try {
      this.#hear(probe, false);
    } catch {
      // The link is gone, and its memberships with it; the next look says so to the others.
    }
  }
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
