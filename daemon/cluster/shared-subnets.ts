import type { Cidr } from '../../core/address.ts';
import { errorMessage } from '../../core/errors.ts';
import type { Network } from '../../core/model.ts';
import type { IpamService } from '../../ipam/index.ts';
import type { Log } from './log.ts';

/** The subnets of networks that are the cluster's, in this host's IPAM. */
export class SharedSubnets {
  readonly #ipam: IpamService;
  readonly #log: Log;

  constructor(parts: { readonly ipam: IpamService; readonly log: Log }) {
    this.#ipam = parts.ipam;
    this.#log = parts.log;
  }

  /** From now on addresses come from blocks that this host owns. Never rejects: what is in conflict is logged. */
  async share({ tunnel, request }: Network): Promise<void> {
    if (tunnel === undefined) return;
    for (const { pool, gateway, aux } of [...request.ipv4, ...request.ipv6]) {
      const id = this.#ipam.list().find((each) => each.pool === pool)?.poolId;
      if (id === undefined) {
        this.#log.warn(
          { networkId: request.id, subnet: pool },
          'another IPAM driver gives the addresses of this subnet: it must not give one twice on two hosts',
        );
        continue;
      }
      const reserved = [...(gateway === undefined ? [] : [gateway.ip]), ...Object.values(aux)];
      try {
        const conflicts = await this.#ipam.share(id, tunnel.name, reserved);
        for (const { ip } of conflicts)
          this.#log.error(
            { networkId: request.id, ip },
            'address was given here and is in use on another host',
          );
      } catch (error) {
        this.#log.warn(
          { networkId: request.id, subnet: pool, error: errorMessage(error) },
          'subnet not shared yet',
        );
      }
    }
  }

  /** `--ip-range` of a subnet. */
  rangeOf(subnet: Cidr): Cidr | undefined {
    return this.#ipam.list().find((each) => each.pool === subnet)?.subPool;
  }

  /** Whether all subnets of a network were chosen by weft's IPAM. */
  chosenByWeft({ request }: Network): boolean {
    const pools = this.#ipam.list();
    return [...request.ipv4, ...request.ipv6].every(({ pool }) =>
      pools.some((each) => each.pool === pool && each.chosen),
    );
  }
}
