import { expect, test } from 'vitest';
import { exampleTable } from '../../kernel/nftables/example-table.ts';
import { describeTable } from './describe-table.ts';

test('a table reads nearly as nft lists it', () => {
  expect(describeTable(exampleTable('ip'))).toMatchInlineSnapshot(`
    "table ip weft {
    	map ports_addr {
    		type inet_proto . ipv4_addr . inet_service : ipv4_addr . inet_service
    	}

    	map ports_any {
    		type inet_proto . inet_service : ipv4_addr . inet_service
    	}

    	set bridges {
    		type ifname
    	}

    	set pairs {
    		type ifname . ifname
    	}

    	set subnets {
    		type ipv4_addr
    		flags interval
    	}

    	map zones {
    		type ipv4_addr : mark
    		flags interval
    	}

    	map rulings {
    		type ifname : verdict
    	}

    	map sources {
    		type ifname : ipv4_addr
    	}

    	set marks {
    		type mark
    	}

    	set own {
    		type ifname . ether_addr
    	}

    	chain isolate {
    		counter drop comment "isolated"
    	}

    	chain nat-prerouting {
    		type nat hook prerouting priority -101; policy accept;
    		dnat to meta l4proto . ip daddr . th dport map @ports_addr comment "published on one address"
    		fib daddr type local dnat to meta l4proto . th dport map @ports_any comment "published on any local address"
    	}

    	chain nat-output {
    		type nat hook output priority -101; policy accept;
    		dnat to meta l4proto . ip daddr . th dport map @ports_addr comment "published on one address"
    		fib daddr type local dnat to meta l4proto . th dport map @ports_any comment "published on any local address"
    	}

    	chain nat-postrouting {
    		type nat hook postrouting priority 99; policy accept;
    		snat to oifname map @sources comment "fixed source by link"
    		ip saddr @subnets ip daddr != @subnets masquerade comment "masquerade subnets"
    	}

    	chain forward {
    		type filter hook forward priority -1; policy accept;
    		ct state & established,related != 0x00000000 counter accept comment "answers"
    		ct status & 0x20000000 != 0x00000000 counter accept comment "translated"
    		iifname . oifname @pairs return comment "pairs"
    		iifname vmap @rulings comment "rulings"
    		iifname "wb-*" oifname != "eth0" ip saddr @subnets jump isolate comment "links by prefix"
    		meta l4proto 17 th dport >= 1 th dport <= 9 goto isolate comment "low ports"
    		th sport > 65280 th dport < 9 counter return comment "from high to low ports"
    	}

    	chain raw-prerouting {
    		type filter hook prerouting priority -300; policy accept;
    		iifname @bridges meta mark set 0x10000000 comment "mark by link"
    		meta mark set ip daddr map @zones comment "zone of the destination"
    		ct direction 0x01 ct mark 0x05000000 meta mark @marks fib saddr type != 0x03000000 accept comment "replies with a known mark"
    		iiftype 0x0100 iifname . ether daddr @own notrack comment "switched"
    	}

    	chain mangle-forward {
    		type filter hook forward priority -150; policy accept;
    		meta l4proto 6 tcp flags & 0x06 0x02 tcp option maxseg size set rt mtu comment "segments that fit the route"
    		meta l4proto 6 tcp flags & 0x06 0x02 tcp option maxseg size > 1360 counter tcp option maxseg size set 0x0550 comment "segments of 1360 bytes"
    	}
    }
    "
  `);
});

test('both families read the same but for their names', () => {
  const six = describeTable(exampleTable('ip6'));
  expect(six.replaceAll('ip6', 'ip').replaceAll('ipv6', 'ipv4')).toBe(describeTable(exampleTable('ip')));
});
