import { type Cidr, familyOf } from '../../core/address.ts';
import type { ClusterSubnet } from '../../core/cluster.ts';
import { DEFAULT_TEXTS, type NetworkDefinition } from './definition.ts';

const VNI = 'weft.vni';
const FAMILIES = [
  { family: 4, name: 'IPv4', field: 'enableIpv4' },
  { family: 6, name: 'IPv6', field: 'enableIpv6' },
] as const;

/** A definition; `vni` once it is the cluster's. */
type Defined = NetworkDefinition & { readonly vni?: number };

/**
 * What keeps a network of this host from being the cluster's network of that name: one line a difference, fit for an
 * error message, such as `option weft.multicast is true here and false in the cluster`; none when it is the same. Who
 * asks for no VNI takes any. Ranges of addresses are compared where both are known.
 */
export function differences(here: Defined, cluster: Defined): readonly string[] {
  return [
    ...different('internal', yesNo(here.internal), yesNo(cluster.internal)),
    ...FAMILIES.flatMap(({ family, name, field }) =>
      here[field] === cluster[field]
        ? subnetDifferences(ofFamily(here, family), ofFamily(cluster, family))
        : different(name, onOff(here[field]), onOff(cluster[field])),
    ),
    ...optionDifferences(here, cluster),
  ];
}

function different(what: string, here: string, cluster: string): readonly string[] {
  return here === cluster ? [] : [`${what} is ${here} here and ${cluster} in the cluster`];
}

const yesNo = (value: boolean): string => (value ? 'true' : 'false');
const onOff = (value: boolean): string => (value ? 'on' : 'off');

function ofFamily({ subnets }: Defined, family: 4 | 6): ReadonlyMap<Cidr, ClusterSubnet> {
  const own = subnets.filter(({ pool }) => familyOf(pool) === family);
  return new Map(own.map((subnet) => [subnet.pool, subnet]));
}

function subnetDifferences(
  here: ReadonlyMap<Cidr, ClusterSubnet>,
  cluster: ReadonlyMap<Cidr, ClusterSubnet>,
): readonly string[] {
  const onlyHere = [...here.keys()].filter((pool) => !cluster.has(pool));
  const onlyThere = [...cluster.keys()].filter((pool) => !here.has(pool));
  const both = [...here.values()].flatMap((subnet) => {
    const other = cluster.get(subnet.pool);
    return other === undefined ? [] : settingDifferences(subnet, other);
  });
  if (onlyHere.length + onlyThere.length === 0) return both;
  return [`${subnetList(onlyHere)} here, ${onlyThere.join(', ') || 'none besides'} in the cluster`, ...both];
}

function subnetList(pools: readonly Cidr[]): string {
  if (pools.length === 0) return 'no other subnet';
  return `${pools.length === 1 ? 'subnet' : 'subnets'} ${pools.join(', ')}`;
}

function settingDifferences(here: ClusterSubnet, cluster: ClusterSubnet): readonly string[] {
  const rangesKnown = here.ipRange !== undefined && cluster.ipRange !== undefined;
  const names = [...new Set([...Object.keys(here.aux), ...Object.keys(cluster.aux)])].sort();
  return [
    ...different(`gateway of ${here.pool}`, here.gateway ?? 'none', cluster.gateway ?? 'none'),
    ...(rangesKnown ? different(`ip-range of ${here.pool}`, here.ipRange, cluster.ipRange) : []),
    ...names.flatMap((name) =>
      different(`aux-address ${name} of ${here.pool}`, here.aux[name] ?? 'none', cluster.aux[name] ?? 'none'),
    ),
  ];
}

function optionDifferences(here: Defined, cluster: Defined): readonly string[] {
  const keys = new Set([...Object.keys(here.options), ...Object.keys(cluster.options)]);
  keys.delete(VNI);
  const text = ({ options }: Defined, key: string) => options[key] ?? DEFAULT_TEXTS[key] ?? 'not set';
  const wanted = here.options[VNI];
  const given = cluster.vni?.toString() ?? cluster.options[VNI];
  return [
    ...(wanted === undefined || given === undefined ? [] : different(`option ${VNI}`, wanted, given)),
    ...[...keys].sort().flatMap((key) => different(`option ${key}`, text(here, key), text(cluster, key))),
  ];
}
