import { type BadInput, wrong } from './bad-input.ts';

const POOL = 'IpamDriver.RequestPool';
const ADDRESS = 'IpamDriver.RequestAddress';
const NAME_RULE = '1–512 bytes without control characters';

const pools: readonly BadInput[] = [
  wrong(POOL, ['AddressSpace'], undefined, 'AddressSpace ""', NAME_RULE),
  wrong(POOL, ['AddressSpace'], '', 'AddressSpace ""', NAME_RULE),
  wrong(POOL, ['AddressSpace'], 'a\0b', 'AddressSpace "a\\u0000b"', NAME_RULE),
  wrong(POOL, ['AddressSpace'], 's'.repeat(513), 'AddressSpace "sss', NAME_RULE),
  wrong(POOL, ['AddressSpace'], 5, 'AddressSpace 5', 'must be string'),
  wrong(POOL, ['Pool'], 5, 'Pool 5', 'must be string'),
  wrong(POOL, ['Pool'], 'auto', 'Pool "auto"', 'address/prefix'),
  wrong(POOL, ['Pool'], '198.18.0.0', 'Pool "198.18.0.0"', 'address/prefix'),
  wrong(POOL, ['Pool'], '198.18.0.0/99', 'Pool "198.18.0.0/99"', 'over 32'),
  wrong(POOL, ['Pool'], '198.18.0.0/24 ', 'Pool "198.18.0.0/24 "', 'address/prefix'),
  wrong(POOL, ['Pool'], '198.18.0.0/255.255.255.0', 'Pool', 'address/prefix'),
  wrong(POOL, ['Pool'], '1e1.0.0.0/8', 'Pool', 'not an IP address'),
  wrong(POOL, ['Pool'], 'fd00::/200', 'Pool "fd00::/200"', 'over 128'),
  wrong(POOL, ['Pool'], { cidr: 'x' }, 'Pool {"cidr":"x"}', 'must be string'),
  wrong(POOL, ['SubPool'], 'x', 'SubPool "x"', 'address/prefix'),
  wrong(POOL, ['SubPool'], '198.18.5.0/3a', 'SubPool "198.18.5.0/3a"', 'address/prefix'),
  wrong(POOL, ['SubPool'], [], 'SubPool []', 'must be string'),
  wrong(POOL, ['V6'], 'true', 'V6 "true"', 'must be boolean'),
  wrong(POOL, ['V6'], 6, 'V6 6', 'must be boolean'),
  wrong(POOL, ['Options'], 'io=1', 'Options "io=1"', 'must be object'),
  wrong(POOL, ['Options'], [], 'Options []', 'must be object'),
  wrong(POOL, ['Options', 'io'], 1, 'Options["io"] 1', 'must be text'),
  wrong(POOL, ['Options', 'io'], 'a\0', 'Options["io"]', 'NUL'),
  wrong('IpamDriver.ReleasePool', ['PoolID'], undefined, 'PoolID ""', NAME_RULE),
  wrong('IpamDriver.ReleasePool', ['PoolID'], 'p\n', 'PoolID "p\\n"', NAME_RULE),
  wrong('IpamDriver.ReleasePool', ['PoolID'], 8, 'PoolID 8', 'must be string'),
];

const addresses: readonly BadInput[] = [
  wrong(ADDRESS, ['PoolID'], undefined, 'PoolID ""', NAME_RULE),
  wrong(ADDRESS, ['PoolID'], null, 'PoolID ""', NAME_RULE),
  wrong(ADDRESS, ['PoolID'], {}, 'PoolID {}', 'must be string'),
  wrong(ADDRESS, ['Address'], '198.18.7.2/24', 'Address "198.18.7.2/24"', 'not an IP address'),
  wrong(ADDRESS, ['Address'], '198.18.7', 'Address "198.18.7"', 'not an IP address'),
  wrong(ADDRESS, ['Address'], '198.18.7.02', 'Address "198.18.7.02"', 'not an IP address'),
  wrong(ADDRESS, ['Address'], 'gateway', 'Address "gateway"', 'not an IP address'),
  wrong(ADDRESS, ['Address'], '::1%lo', 'Address "::1%lo"', 'not an IP address'),
  wrong(ADDRESS, ['Address'], 3_324_118_786, 'Address 3324118786', 'must be string'),
  wrong(ADDRESS, ['Options'], 'RequestAddressType', 'Options "RequestAddressType"', 'must be object'),
  wrong(ADDRESS, ['Options', 'RequestAddressType'], 1, 'Options["RequestAddressType"] 1', 'must be text'),
  wrong('IpamDriver.ReleaseAddress', ['PoolID'], undefined, 'PoolID ""', NAME_RULE),
  wrong('IpamDriver.ReleaseAddress', ['Address'], undefined, 'Address ""', 'not an IP address'),
  wrong('IpamDriver.ReleaseAddress', ['Address'], '198.18.7.2/24', 'Address', 'not an IP address'),
  wrong('IpamDriver.ReleaseAddress', ['Address'], '198.18.7.999', 'Address', 'not an IP address'),
  wrong('IpamDriver.ReleaseAddress', ['Address'], true, 'Address true', 'must be string'),
];

/** Cases about pools and addresses. */
export const IPAM_CASES: readonly BadInput[] = [...pools, ...addresses];
