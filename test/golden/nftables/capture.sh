#!/bin/bash
# Captures what nft(8) sends for the example table of kernel/nftables/example-table.ts, one file a stage and family.
# Run as root; works in a network namespace of its own. Needs nft and strace.
set -euo pipefail
cd "$(dirname "$0")"
[ "${1:-}" = inside ] || exec unshare -n "./$(basename "$0")" inside

capture() { # NAME COMMANDS: runs nft on the commands and writes the bytes of its batch to NAME.hex
  strace -o trace.tmp -s 65535 -e trace=sendmsg -e write=3 nft "$2"
  {
    echo "# $(nft --version)"
    sed 's/^/# nft /' <<<"$2"
    # The last message sent is the batch; the ones before it are reads.
    awk '/^ \* [0-9]+ bytes in buffer/ { text = "" }
         /^ \| [0-9a-f]+  / { text = text substr($0, 11, 49) "\n" }
         END { gsub(/ +/, " ", text); printf "%s", text }' trace.tmp | sed 's/^ *//; s/ *$//'
  } >"$1.hex"
  rm trace.tmp
}

# What virtual IPs are made of: kernel/nftables/example-balance.ts.
balance() {
  typeof="$family daddr . numgen inc mod 3 : $family daddr"
  capture $family-balance-sets "add table $t
add map $t clients { type $a : $a; flags dynamic,timeout; }
add set $t tallies { type $a . $a; counter; }"
  # nft itself says that a number is of type integer; the rules do not differ for it.
  nft "add map $t ring { typeof $typeof; }"
  nft "add map $t slots { typeof numgen inc mod 3 : $family daddr; }"
  nft "add chain $t balance"
  capture $family-balance-rules "add rule $t balance dnat to $family daddr . numgen inc mod 3 map @ring comment \"by turns\"
add rule $t balance numgen random mod 2 offset 5 == 6 dnat to $family daddr . numgen random mod 4 map @ring comment \"at random\"
add rule $t balance dnat to jhash $family saddr mod 256 seed 0x77656674 map @slots comment \"by source\"
add rule $t balance ct original $family daddr . $family daddr @tallies comment \"counted\"
add rule $t balance ct original $family daddr . ct reply $family saddr @tallies comment \"counted both ways\"
add rule $t balance add @clients { ct original $family daddr : $family daddr } comment \"remembered\"
add rule $t balance update @clients { ct original $family daddr timeout 90s : $family daddr } comment \"remembered for a while\"
add rule $t balance delete @clients { $family saddr : $family daddr } comment \"forgotten\"
add rule $t balance $1 type echo-request accept comment \"echo\"
add rule $t balance meta l4proto tcp reject with tcp reset comment \"refused\"
add rule $t balance reject with $1 type port-unreachable comment \"unreachable\""
  nft "delete table $t"
}

for family in ip ip6; do
  [ $family = ip ] && { a=ipv4_addr; net=10.0.0.0/24 net2=255.255.255.0/24 host=10.0.0.1 to=172.18.0.2; }
  [ $family = ip6 ] && { a=ipv6_addr; net=fd00::/64 net2=ff00::/8 host=fd00::1 to=fd01::2; }
  t="$family weft"
  capture $family-table "add table $t"
  capture $family-sets "add map $t ports_addr { type inet_proto . $a . inet_service : $a . inet_service; }
add map $t ports_any { type inet_proto . inet_service : $a . inet_service; }
add set $t bridges { type ifname; }
add set $t pairs { type ifname . ifname; }
add set $t subnets { type $a; flags interval; }
add map $t zones { type $a : mark; flags interval; }
add map $t rulings { type ifname : verdict; }
add map $t sources { type ifname : $a; }
add set $t marks { type mark; }
add set $t own { type ifname . ether_addr; }"
  capture $family-chains "add chain $t isolate
add chain $t nat-prerouting { type nat hook prerouting priority -101; policy accept; }
add chain $t nat-output { type nat hook output priority -101; policy accept; }
add chain $t nat-postrouting { type nat hook postrouting priority 99; policy accept; }
add chain $t forward { type filter hook forward priority -1; policy accept; }
add chain $t raw-prerouting { type filter hook prerouting priority -300; policy accept; }
add chain $t mangle-forward { type filter hook forward priority -150; policy accept; }"
  publish=(
    "dnat to meta l4proto . $family daddr . th dport map @ports_addr comment \"published on one address\""
    "fib daddr type local dnat to meta l4proto . th dport map @ports_any comment \"published on any local address\""
  )
  capture $family-rules "add rule $t isolate counter drop comment \"isolated\"
add rule $t nat-prerouting ${publish[0]}
add rule $t nat-prerouting ${publish[1]}
add rule $t nat-output ${publish[0]}
add rule $t nat-output ${publish[1]}
add rule $t nat-postrouting snat to oifname map @sources comment \"fixed source by link\"
add rule $t nat-postrouting $family saddr @subnets $family daddr != @subnets masquerade comment \"masquerade subnets\"
add rule $t forward ct state established,related counter accept comment \"answers\"
add rule $t forward ct status dnat counter accept comment \"translated\"
add rule $t forward iifname . oifname @pairs return comment \"pairs\"
add rule $t forward iifname vmap @rulings comment \"rulings\"
add rule $t forward iifname \"wb-*\" oifname != \"eth0\" $family saddr @subnets jump isolate comment \"links by prefix\"
add rule $t forward meta l4proto udp th dport >= 1 th dport <= 9 goto isolate comment \"low ports\"
add rule $t forward th sport > 65280 th dport < 9 counter return comment \"from high to low ports\"
add rule $t raw-prerouting iifname @bridges meta mark set 0x10 comment \"mark by link\"
add rule $t raw-prerouting meta mark set $family daddr map @zones comment \"zone of the destination\"
add rule $t raw-prerouting ct direction reply ct mark 5 meta mark @marks fib saddr type != broadcast accept comment \"replies with a known mark\"
add rule $t raw-prerouting iifname . ether daddr @own notrack comment \"switched\"
add rule $t mangle-forward tcp flags & (syn|rst) == syn tcp option maxseg size set rt mtu comment \"segments that fit the route\"
add rule $t mangle-forward tcp flags & (syn|rst) == syn tcp option maxseg size > 1360 counter tcp option maxseg size set 1360 comment \"segments of 1360 bytes\""
  elements="ports_addr { tcp . $host . 80 : $to . 8080 }
ports_any { udp . 53 : $to . 5353 }
bridges { wb-abc }
pairs { a . b }
subnets { $net }
zones { $net2 : 7 }
rulings { x : jump isolate }
sources { eth1 : $host }
marks { 16 }
own { br0 . 02:00:00:00:00:01 }"
  capture $family-add-elements "$(sed "s/^/add element $t /" <<<"$elements")"
  capture $family-delete-elements "$(sed "s/^/delete element $t /" <<<"$elements")"
  capture $family-delete-table "delete table $t"
  [ $family = ip ] && balance icmp || balance icmpv6
done
