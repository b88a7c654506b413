import { Type } from 'typebox';
import { count, list, resource, text, time, type View } from './schema.ts';

const pool = {
  id: text('Pool id: the address space, a slash and the CIDR.'),
  space: text('Address space.'),
  subnet: text('CIDR the pool covers.'),
  range: Type.Optional(text('CIDR within it that dynamic addresses come from (`--ip-range`).')),
  gateway: Type.Optional(text('Gateway address.')),
  used: count('Addresses in use, gateway and auxiliary ones included.'),
  resting: count('Released addresses that are not given again yet.'),
  conflicts: count('Addresses not given for a while, because somebody else on the LAN has them.'),
  usable: Type.Number({
    minimum: 0,
    description: 'Addresses that can be in use at once. Exact up to 2^53; rounded for large IPv6 pools.',
  }),
};

/** Part of GET /v1/ipam/{ref}. */
export const LeaseView = resource('LeaseView', 'One address of a pool that is not free.', {
  address: text('The address, without prefix length.'),
  kind: Type.Enum(['gateway', 'auxiliary', 'endpoint', 'vip', 'resting', 'conflict'], {
    description:
      'What holds it; resting: released and not given again yet; conflict: somebody else on the LAN has it.',
  }),
  name: Type.Optional(
    text('Container name or auxiliary name, once known; of a conflict the link, if it is this host itself.'),
  ),
  mac: Type.Optional(text('MAC address it was asked for; of a conflict whose it is.')),
  since: Type.Optional(time('When it was given, or the conflict found.')),
  restingUntil: Type.Optional(time('When it can be given, or is tried, again.')),
});
export type LeaseView = View<typeof LeaseView>;

/** Items of GET /v1/ipam. */
export const IpamPoolView = resource('IpamPoolView', 'An address pool and how full it is.', pool);
export type IpamPoolView = View<typeof IpamPoolView>;

/** GET /v1/ipam/{ref}. */
export const IpamPoolDetail = resource(
  'IpamPoolDetail',
  'An address pool with every address that is not free.',
  {
    ...pool,
    leases: list(LeaseView, 'In address order.'),
  },
);
export type IpamPoolDetail = View<typeof IpamPoolDetail>;
