import { expect, test } from 'vitest';
import { describeTable } from '../../test/support/describe-table.ts';
import { redirectTable } from './redirect-table.ts';

test('the redirect of a sandbox', () => {
  expect(describeTable(redirectTable({ udp: 40_001, tcp: 40_002 }))).toMatchInlineSnapshot(`
    "table ip weft-dns {
    	chain output {
    		type nat hook output priority -110; policy accept;
    		ip saddr 127.0.0.12 return comment "own questions to Docker"
    		ip daddr 127.0.0.11 meta l4proto 17 th dport 53 dnat to 0x7f00000b:0x9c41 comment "queries over UDP"
    		ip daddr 127.0.0.11 meta l4proto 6 th dport 53 dnat to 0x7f00000b:0x9c42 comment "queries over TCP"
    	}
    }
    "
  `);
});
