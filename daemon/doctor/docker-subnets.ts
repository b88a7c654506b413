import { type Cidr, cidrsOverlap, parseCidr } from '../../core/address.ts';
import type { DoctorFinding } from '../../core/control.ts';
import type { EngineNetwork } from '../docker/index.ts';
import { type Check, orOk } from './check.ts';

const ID = 'docker-subnets';

/** @param others Docker's networks; those of weft's drivers are passed over. */
export function judgeDockerSubnets(
  networks: readonly { readonly label: string; readonly subnets: readonly Cidr[] }[],
  others: readonly Pick<EngineNetwork, 'name' | 'driver' | 'subnets'>[],
): readonly DoctorFinding[] {
  const foreign = others
    .filter(({ driver }) => !driver.startsWith('weft-'))
    .flatMap(({ name, driver, subnets }) =>
      subnets
        .filter(({ subnet }) => subnet !== '')
        .map(({ subnet }) => ({
          name,
          driver,
          subnet: parseCidr(subnet, `subnet of Docker network ${name}`),
        })),
    );
  const findings = networks.flatMap(({ label, subnets }) =>
    subnets.flatMap((subnet) =>
      foreign
        .filter((other) => cidrsOverlap(other.subnet, subnet))
        .map(
          (other): DoctorFinding => ({
            id: ID,
            level: 'warn',
            title: `Subnet ${subnet} of network ${label} overlaps ${other.subnet} of Docker network ${other.name}`,
            detail: `${other.name} has the driver ${other.driver}: this host routes the common addresses to one of the two only`,
            remedy: `Create one of the two again with a --subnet that is free; weft chooses free ones with --ipam-driver weft`,
          }),
        ),
    ),
  );
  return orOk(findings, ID, "No subnet overlaps one of Docker's other networks");
}

export const dockerSubnets: Check = {
  id: ID,
  subject: "overlaps with Docker's networks",
  run: async (host) => {
    const others = await host.engineNetworks();
    if (others === undefined) return [];
    const networks = await host.networks();
    return judgeDockerSubnets(
      networks.filter(({ bridge }) => bridge !== undefined),
      others,
    );
  },
};
