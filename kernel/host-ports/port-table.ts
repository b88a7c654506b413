import { familyOf, type Ip } from '../../core/address.ts';
import type { PortBinding } from '../../core/ports.ts';

/** True for the address that stands for every address of its family. */
export function isUnspecified(ip: Ip): boolean {
  return ip === '0.0.0.0' || ip === '::';
}

/** A binding in messages: `192.0.2.1:80/tcp`, `[::]:80/tcp`. */
export function formatBinding({ protocol, ip, port }: PortBinding): string {
  return `${familyOf(ip) === 6 ? `[${ip}]` : ip}:${port}/${protocol}`;
}

/**
 * The bindings of this process. Two of them collide as in the kernel (net/ipv4/inet_connection_sock.c:
 * inet_bind_conflict()): same protocol, family and port, and the same address or one of them unspecified.
 */
export class PortTable {
  readonly #held = new Map<string, Map<Ip, PortBinding>>();

  /** The binding that stands in the way of this one, if any. */
  conflict(binding: PortBinding): PortBinding | undefined {
    const held = this.#held.get(slotOf(binding));
    if (held === undefined) return undefined;
    if (isUnspecified(binding.ip)) return held.values().next().value;
    return held.get(binding.ip) ?? held.get(familyOf(binding.ip) === 4 ? ('0.0.0.0' as Ip) : ('::' as Ip));
  }

  /** @param binding one without `conflict`. */
  add(binding: PortBinding): void {
    const slot = slotOf(binding);
    const held = this.#held.get(slot) ?? new Map<Ip, PortBinding>();
    this.#held.set(slot, held.set(binding.ip, binding));
  }

  delete(binding: PortBinding): void {
    const slot = slotOf(binding);
    const held = this.#held.get(slot);
    held?.delete(binding.ip);
    if (held?.size === 0) this.#held.delete(slot);
  }
}

function slotOf({ protocol, ip, port }: PortBinding): string {
  return `${protocol} ${familyOf(ip)} ${port}`;
}
