import t, { type Test } from 'tap';
import type { Ip } from '../../core/address.ts';
import type { FlowFilter } from '../../core/ports.ts';
import { Conntrack } from '../../kernel/netlink/index.ts';
import { openScratchNamespace, type ScratchNamespace } from '../support/scratch-namespace.ts';

interface Flow {
  readonly protocol: 'tcp' | 'udp';
  readonly from: string;
  readonly to: string;
  readonly port: number;
  readonly container: string;
  readonly containerPort: number;
}

const UDP: Flow = {
  protocol: 'udp',
  from: '198.18.0.9',
  to: '198.18.0.1',
  port: 53,
  container: '198.18.1.2',
  containerPort: 5353,
};
const TCP: Flow = { ...UDP, protocol: 'tcp', port: 80, containerPort: 8080 };
const SIX: Flow = { ...UDP, from: 'fd00::9', to: 'fd00::1', container: 'fd00:1::2' };
const FILLER_PORT = 9;
/** What sed(1) replaces by the line it has read. */
const SED_MATCH = '&';

/** Arguments with which conntrack(8) inserts a translated connection. */
function insertion(flow: Flow, sourcePort: number | typeof SED_MATCH): string {
  const state = flow.protocol === 'tcp' ? '--state ESTABLISHED' : '';
  return (
    `-I -p ${flow.protocol} ${state} -t 100 -u SEEN_REPLY,ASSURED -s ${flow.from} -d ${flow.to} ` +
    `--sport ${sourcePort} --dport ${flow.port} -r ${flow.container} -q ${flow.from} ` +
    `--reply-port-src ${flow.containerPort} --reply-port-dst ${sourcePort}`
  );
}

function insert(scratch: ScratchNamespace, ...flows: readonly (readonly [Flow, number])[]): void {
  scratch.run(flows.map(([flow, port]) => `conntrack ${insertion(flow, port)} >/dev/null 2>&1`).join('\n'));
}

/** So many entries beside those of a test that the kernel is asked for less than all. */
function fillTable(scratch: ScratchNamespace): void {
  const filler: Flow = { ...TCP, from: '198.51.100.1', to: '198.51.100.2', port: FILLER_PORT };
  scratch.run(`seq 1000 2000 | sed 's/.*/${insertion(filler, SED_MATCH)}/' | conntrack -R - >/dev/null 2>&1`);
  const count = Number(scratch.run('conntrack -C'));
  if (count <= 1000) throw new Error(`the table has ${count} entries`);
}

/** The entries as `protocol sourcePort`, by conntrack(8), without the filler. */
function entries(scratch: ScratchNamespace): string[] {
  const list = scratch.run('conntrack -L -f ipv4 2>/dev/null; conntrack -L -f ipv6 2>/dev/null');
  return [...list.matchAll(/^(\w+) .*?sport=(\d+) dport=\d+ /gm)]
    .filter(([line]) => !line.includes(` dport=${FILLER_PORT} `))
    .map(([, protocol, port]) => `${protocol} ${port}`)
    .sort();
}

async function forget(scratch: ScratchNamespace, ...filters: readonly FlowFilter[]): Promise<number> {
  await using conntrack = Conntrack.open({ namespace: scratch.path });
  return await conntrack.forget(filters);
}

/** Each test in a table that is read whole, and in one that is not. */
const TABLES = { 'in a small table': () => undefined, 'in a large table': fillTable } as const;

function test(name: string, body: (t: Test, scratch: ScratchNamespace) => Promise<void>): void {
  for (const [where, prepare] of Object.entries(TABLES)) {
    t.test(`${name}, ${where}`, async (t) => {
      using scratch = await openScratchNamespace();
      prepare(scratch);
      await body(t, scratch);
    });
  }
}

test('by original port', async (t, scratch) => {
  insert(scratch, [UDP, 1], [UDP, 2], [{ ...UDP, port: 54 }, 3], [TCP, 4], [SIX, 5]);
  t.equal(await forget(scratch, { family: 4, protocol: 'udp', originalPort: 53 }), 2);
  t.same(entries(scratch), ['tcp 4', 'udp 3', 'udp 5']);
});

test('by original destination', async (t, scratch) => {
  insert(scratch, [TCP, 1], [{ ...TCP, to: '198.18.0.2' }, 2]);
  const filter: FlowFilter = {
    family: 4,
    protocol: 'tcp',
    originalDestination: '198.18.0.1' as Ip,
    originalPort: 80,
  };
  t.equal(await forget(scratch, filter), 1);
  t.same(entries(scratch), ['tcp 2']);
});

test('all but those to one port', async (t, scratch) => {
  insert(scratch, [UDP, 1], [{ ...UDP, port: 1000, containerPort: 5354 }, 2], [TCP, 3]);
  t.equal(await forget(scratch, { family: 4, protocol: 'udp', replyPortNot: 5353 }), 1);
  t.same(entries(scratch), ['tcp 3', 'udp 1']);
});

test('by the container behind it, IPv4 and IPv6', async (t, scratch) => {
  insert(scratch, [UDP, 1], [{ ...UDP, container: '198.18.1.3' }, 2], [SIX, 3], [TCP, 4]);
  const four: FlowFilter = { family: 4, protocol: 'udp', replySource: '198.18.1.2' as Ip, replyPort: 5353 };
  const six: FlowFilter = { family: 6, protocol: 'udp', replySource: 'fd00:1::2' as Ip };
  t.equal(await forget(scratch, four, six), 2);
  t.same(entries(scratch), ['tcp 4', 'udp 2']);
});

test('many filters take one reading and delete the same entries', async (t, scratch) => {
  const flows = Array.from({ length: 20 }, (_, i) => [{ ...UDP, port: 1000 + i }, 100 + i] as const);
  insert(scratch, ...flows, [TCP, 1]);
  const filters = flows
    .slice(0, 10)
    .map(([{ port }]): FlowFilter => ({ family: 4, protocol: 'udp', originalPort: port }));
  t.equal(await forget(scratch, ...filters), 10);
  t.same(entries(scratch).length, 11);
});

test('echoes, alone and between two addresses', async (t, scratch) => {
  // conntrack(8) inserts none of ICMP.
  const all = ['198.18.0.9', UDP.to, UDP.container, '198.18.1.3', SIX.to, SIX.container];
  scratch.run(`ip link set lo up
    ${all.map((ip) => `ip addr add ${ip} dev lo ${ip.includes(':') ? 'nodad' : ''}`).join('\n')}
    nft 'add table inet nat; add chain inet nat output { type nat hook output priority -100; }'`);
  const echo = (to: string, container: string, id: number) =>
    scratch.run(`nft 'flush chain inet nat output
        add rule inet nat output ${to.includes(':') ? 'ip6' : 'ip'} daddr ${to} dnat to ${container}'
      ping -e ${id} -c 1 -W 1 ${to} >/dev/null`);
  echo(UDP.to, UDP.container, 1);
  echo(UDP.to, '198.18.1.3', 2);
  echo(SIX.to, SIX.container, 3);
  insert(scratch, [UDP, 1], [TCP, 2], [SIX, 3]);
  const left = () => {
    const list = scratch.run('conntrack -L -p icmp 2>/dev/null; conntrack -L -f ipv6 -p icmpv6 2>/dev/null');
    return [...list.matchAll(/^\w+ .*? id=(\d+)/gm)].map(([, id]) => id).sort();
  };
  t.same(left(), ['1', '2', '3']);
  const pair = { originalDestination: UDP.to as Ip, replySource: UDP.container as Ip };
  t.equal(await forget(scratch, { family: 4, protocol: 'icmp', ...pair }), 1);
  t.same(left(), ['2', '3']);
  t.equal(await forget(scratch, { family: 6, protocol: 'icmp', replySource: SIX.container as Ip }), 1);
  t.same(left(), ['2']);
  echo(UDP.to, UDP.container, 4);
  const both = (['icmp', 'udp'] as const).map((protocol): FlowFilter => ({ family: 4, protocol, ...pair }));
  t.equal(await forget(scratch, ...both), 2, 'by one reading of all protocols');
  t.same(left(), ['2']);
  t.same(entries(scratch), ['tcp 2', 'udp 3']);
});

test('those that were not answered', async (t, scratch) => {
  insert(scratch, [TCP, 1], [UDP, 2]);
  scratch.run(
    [3, 4]
      .map((port) => `conntrack ${insertion(TCP, port)} >/dev/null 2>&1`.replace('ESTABLISHED', 'SYN_SENT'))
      .map((line) => line.replace('-u SEEN_REPLY,ASSURED', ''))
      .join('\n'),
  );
  t.same(entries(scratch), ['tcp 1', 'tcp 3', 'tcp 4', 'udp 2']);
  const filter: FlowFilter = { family: 4, protocol: 'tcp', originalPort: 80, unanswered: true };
  t.equal(await forget(scratch, filter), 2);
  t.same(entries(scratch), ['tcp 1', 'udp 2']);
});

test('nothing that matches is no error', async (t, scratch) => {
  insert(scratch, [UDP, 1]);
  t.equal(await forget(scratch), 0);
  t.equal(await forget(scratch, { family: 4, protocol: 'sctp', originalPort: 53 }), 0);
  t.equal(await forget(scratch, { family: 6, protocol: 'udp', originalPort: 53 }), 0);
  t.same(entries(scratch), ['udp 1']);
});
