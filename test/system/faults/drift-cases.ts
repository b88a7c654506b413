/** One change by hand behind weft's back. */
export interface DriftCase {
  readonly name: string;
  /** Shell script in the host; `$bridge`, `$one` (host end of the first container's link) and `$lab` are set. */
  readonly script: string;
  /** The kind of object weft says it repaired. */
  readonly kind: 'link' | 'address' | 'table' | 'element' | 'sysctl';
}

/** Changes that take nothing from bridged traffic. */
export const QUIET: readonly DriftCase[] = [
  { name: 'bridge MTU changed', kind: 'link', script: 'ip link set $bridge mtu 1300' },
  { name: 'bridge MAC changed', kind: 'link', script: 'ip link set $bridge address 02:00:00:00:00:77' },
  { name: 'bridge alias changed', kind: 'link', script: 'ip link set $bridge alias other' },
  { name: 'bridge address deleted', kind: 'address', script: 'ip address del 10.50.0.1/24 dev $bridge' },
  {
    name: 'bridge IPv6 address deleted',
    kind: 'address',
    script: 'ip -6 address del fd00:50::1/64 dev $bridge',
  },
  { name: 'address added to the bridge', kind: 'address', script: 'ip address add 192.0.2.1/32 dev $bridge' },
  { name: 'isolated flag set', kind: 'link', script: 'bridge link set dev $one isolated on' },
  { name: 'host end MTU changed', kind: 'link', script: 'ip link set $one mtu 1320' },
  { name: 'host end alias removed', kind: 'link', script: 'ip link set $one alias ""' },
  { name: 'IPv6 table deleted', kind: 'table', script: 'nft delete table ip6 weft' },
  { name: 'chain flushed', kind: 'table', script: 'nft flush chain ip weft forward' },
  {
    name: 'rule deleted',
    kind: 'table',
    script: `handle=$(nft -a list chain ip weft prerouting | sed -n 's/.*# handle //p' | tail -n 1)
      nft delete rule ip weft prerouting handle $handle`,
  },
  { name: 'rule added', kind: 'table', script: 'nft add rule ip weft publish counter' },
  {
    name: 'element deleted',
    kind: 'element',
    script: 'nft delete element ip weft ports-any "{ tcp . 9000 }"',
  },
  {
    name: 'element added',
    kind: 'element',
    script: 'nft add element ip weft ports-any "{ tcp . 9999 : 10.50.0.2 . 80 }"',
  },
  { name: 'set flushed', kind: 'element', script: 'nft flush map ip weft ports-any' },
  { name: 'set added', kind: 'table', script: 'nft add set ip weft stranger "{ type ipv4_addr; }"' },
  { name: 'ip_forward off', kind: 'sysctl', script: 'echo 0 > /proc/sys/net/ipv4/ip_forward' },
  { name: 'IPv6 forwarding off', kind: 'sysctl', script: 'echo 0 > /proc/sys/net/ipv6/conf/all/forwarding' },
  {
    name: 'route_localnet off',
    kind: 'link',
    script: 'echo 0 > /proc/sys/net/ipv4/conf/$bridge/route_localnet',
  },
  {
    name: 'link named like ours',
    kind: 'link',
    script: 'ip link add wv-aaaaaaaaaa type veth peer name stray0',
  },
  { name: 'bridge named like ours', kind: 'link', script: 'ip link add wb-aaaaaaaaaa type bridge' },
  {
    name: 'link with our alias',
    kind: 'link',
    script: 'ip link add stray1 type bridge; ip link set stray1 alias weft:weft-bridge:nobody up',
  },
];

/** Changes that cut the containers off until they are repaired. */
export const CUTTING: readonly DriftCase[] = [
  { name: 'table deleted', kind: 'table', script: 'nft delete table ip weft' },
  { name: 'bridge down', kind: 'link', script: 'ip link set $bridge down' },
  { name: 'bridge deleted', kind: 'link', script: 'ip link del $bridge' },
  { name: 'host end down', kind: 'link', script: 'ip link set $one down' },
  { name: 'host end taken off the bridge', kind: 'link', script: 'ip link set $one nomaster' },
  { name: 'host end deleted', kind: 'link', script: 'ip link del $one' },
  {
    name: 'a set deleted with what uses it',
    kind: 'table',
    // In one transaction: between two, weft repairs the chain, and the map is busy.
    script: "nft 'flush chain ip weft publish; delete map ip weft ports-any'",
  },
  {
    name: 'another kind of link in place of the bridge',
    kind: 'link',
    script: 'ip link del $bridge; ip link add $bridge type veth peer name stray2',
  },
];
