import { familyOf } from '../../core/address.ts';
import { Conflict } from '../../core/errors.ts';
import type { PortBinding, PortReservation, PortReserver } from '../../core/ports.ts';
import type { RelayFactory } from '../../daemon/networks/relay.ts';

/** Host ports that behave: a wildcard and an address of one family exclude each other on one port. */
export class FakePorts implements PortReserver {
  readonly #held = new Map<PortBinding, 'socket' | 'relay'>();
  readonly #others: { readonly binding: PortBinding; readonly holder: string | undefined }[] = [];

  /** Relays take their ports from the same host. */
  readonly relays: RelayFactory = {
    open: async (binding) => this.#take(binding, 'relay'),
  };

  /** Another process takes a port. */
  occupy(binding: PortBinding, holder?: string): void {
    this.#others.push({ binding, holder });
  }

  reserve(binding: PortBinding): PortReservation {
    return this.#take(binding, 'socket');
  }

  async holder(binding: PortBinding): Promise<string | undefined> {
    return this.#others.find((other) => excludes(other.binding, binding))?.holder;
  }

  /** What weft holds, as `tcp 0.0.0.0:80` or, for a relay, `relay tcp [::]:80`; sorted. */
  held(): readonly string[] {
    return [...this.#held]
      .map(([{ protocol, ip, port }, how]) => {
        const host = familyOf(ip) === 4 ? ip : `[${ip}]`;
        return `${how === 'relay' ? 'relay ' : ''}${protocol} ${host}:${port}`;
      })
      .sort();
  }

  #take(binding: PortBinding, how: 'socket' | 'relay'): PortReservation {
    const taken = [...this.#held.keys(), ...this.#others.map((each) => each.binding)];
    if (taken.some((other) => excludes(other, binding))) {
      throw new Conflict(`port ${binding.port} on ${binding.ip} is in use`);
    }
    this.#held.set(binding, how);
    return { binding, release: () => void this.#held.delete(binding) };
  }
}

function excludes(a: PortBinding, b: PortBinding): boolean {
  if (a.protocol !== b.protocol || a.port !== b.port || familyOf(a.ip) !== familyOf(b.ip)) return false;
  const any = familyOf(a.ip) === 4 ? '0.0.0.0' : '::';
  return a.ip === b.ip || a.ip === any || b.ip === any;
}
