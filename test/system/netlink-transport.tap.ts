import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import t from 'tap';
import { KernelError, Unavailable } from '../../core/errors.ts';
import {
  decodeLink,
  encodeLink,
  NETLINK_PROTOCOL,
  type NetlinkReply,
  NLM_F,
  NLMSG,
  openEvents,
  openTransport,
  RTM,
} from '../../kernel/netlink/index.ts';
import { poll } from '../support/poll.ts';
import { openScratchNamespace } from '../support/scratch-namespace.ts';

const FLOOD = new URL('../support/netlink-flood.ts', import.meta.url).pathname;
const NFNL_MSG_BATCH_BEGIN = 0x10;
const NFNL_MSG_BATCH_END = 0x11;
const NFT_MSG_NEWTABLE = 0xa00;
const NFT_MSG_DELTABLE = 0xa02;

const bringUp = (index: number) => ({
  type: RTM.RTM_SETLINK,
  flags: 0,
  payload: encodeLink({ index, flags: 1, change: 1 }, {}),
});
const ports = { link: NETLINK_PROTOCOL.NETLINK_ROUTE, nft: NETLINK_PROTOCOL.NETLINK_NETFILTER };

/** An nftables message for a table of family ip: struct nfgenmsg and NFTA_TABLE_NAME, `padding` bytes of userdata. */
function table(type: number, name: string, padding = 0, flags = 0) {
  const text = Buffer.from(`${name}\0`);
  const nameLength = 4 + text.length;
  const aligned = (nameLength + 3) & ~3;
  const payload = Buffer.alloc(4 + aligned + (padding === 0 ? 0 : 4 + padding));
  payload.writeUInt8(2, 0);
  payload.writeUInt16LE(nameLength, 4);
  payload.writeUInt16LE(1, 6);
  text.copy(payload, 8);
  if (padding > 0) {
    payload.writeUInt16LE(4 + padding, 4 + aligned);
    payload.writeUInt16LE(6, 6 + aligned);
  }
  return { type, flags: NLM_F.NLM_F_CREATE | flags, payload: new Uint8Array(payload) };
}

function edge(type: number) {
  return { type, flags: 0, payload: Uint8Array.of(0, 0, 0, 10) };
}

const batch = (messages: ReturnType<typeof table>[]) => [
  edge(NFNL_MSG_BATCH_BEGIN),
  ...messages,
  edge(NFNL_MSG_BATCH_END),
];

t.test('npm netlink as it comes aborts the process when the receive buffer overruns', async (t) => {
  const { signal, stdout } = spawnSync('unshare', ['-n', process.execPath, FLOOD, 'bare'], {
    encoding: 'utf8',
  });
  t.equal(signal, 'SIGABRT');
  t.notMatch(stdout, 'lived');
});

t.test('the guarded socket survives the same flood, notices the loss and goes on', async (t) => {
  const { status, stdout, stderr } = spawnSync('unshare', ['-n', process.execPath, FLOOD, 'guarded'], {
    encoding: 'utf8',
  });
  t.equal(status, 0, stderr);
  const { received, overruns } = JSON.parse(stdout);
  t.ok(received > 0 && received < 12_000, `${received} of 12 000 notifications came`);
  t.ok(overruns >= 1);
});

t.test('requests answer in order, refusals carry errno, extended ack and step', async (t) => {
  using scratch = await openScratchNamespace();
  await using transport = openTransport({ protocol: ports.link, namespace: scratch.path });
  const outcomes = await transport.requestAll([
    { ...bringUp(1), step: 'first' },
    {
      type: RTM.RTM_NEWLINK,
      flags: NLM_F.NLM_F_CREATE,
      payload: encodeLink({}, { info: { kind: 'nothing' } }),
      step: 'second',
    },
    { ...bringUp(1), step: 'third' },
  ]);
  t.same(
    outcomes.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  );
  const [, refused] = outcomes;
  const error = refused?.status === 'rejected' ? refused.reason : undefined;
  t.ok(error instanceof KernelError);
  t.match(error, {
    errno: 'EOPNOTSUPP',
    message: 'second: Unknown device type (EOPNOTSUPP)',
    context: { step: 'second', extack: 'Unknown device type' },
  });
});

t.test('a group is done in order, and says only what was refused', async (t) => {
  using scratch = await openScratchNamespace();
  await using transport = openTransport({ protocol: ports.link, namespace: scratch.path });
  const make = (name: string, kind: string) => ({
    type: RTM.RTM_NEWLINK,
    flags: NLM_F.NLM_F_CREATE | NLM_F.NLM_F_EXCL,
    payload: encodeLink({}, { name, info: { kind } }),
    step: () => `make ${name}`,
  });
  const refusals = await transport.group([
    make('one', 'bridge'),
    make('two', 'nothing'),
    make('three', 'bridge'),
    make('one', 'bridge'),
  ]);
  t.match(refusals, [
    undefined,
    { errno: 'EOPNOTSUPP', context: { step: 'make two' } },
    undefined,
    { errno: 'EEXIST', message: /^make one: / },
  ]);
  const links = JSON.parse(scratch.run('ip -j link')) as readonly { readonly ifname: string }[];
  t.same(links.map(({ ifname }) => ifname).sort(), ['lo', 'one', 'three']);
});

t.test('thousands of requests at once are all answered', async (t) => {
  using scratch = await openScratchNamespace();
  await using transport = openTransport({ protocol: ports.link, namespace: scratch.path });
  const noop = { type: NLMSG.NLMSG_NOOP, flags: 0, payload: new Uint8Array() };
  let start = performance.now();
  for (let i = 0; i < 1000; i++) await transport.request(noop);
  t.comment(`one after the other: ${(performance.now() - start).toFixed(1)} µs each`);
  start = performance.now();
  const outcomes = await transport.requestAll(Array.from({ length: 10_000 }, () => noop));
  t.comment(`pipelined: ${((performance.now() - start) / 10).toFixed(1)} µs each`);
  t.ok(outcomes.every(({ status }) => status === 'fulfilled'));
});

t.test('dumps asked for at the same time wait for each other, and requests pass between', async (t) => {
  using scratch = await openScratchNamespace();
  scratch.run('for i in $(seq 60); do echo "link add v$i type veth peer name w$i"; done | ip -batch -');
  await using transport = openTransport({ protocol: ports.link, namespace: scratch.path });
  const dump = () => transport.dump({ type: RTM.RTM_GETLINK, flags: 0, payload: encodeLink({}, {}) });
  const [a, b, c] = await Promise.all([dump(), dump(), dump(), transport.request(bringUp(1))]);
  t.same([a.length, b.length, c.length], [121, 121, 121]);
  t.equal(new Set(a.map(({ payload }) => decodeLink(payload).fields.name)).size, 121);
});

t.test('a batch is committed whole or not at all, and names the message refused', async (t) => {
  using scratch = await openScratchNamespace();
  await using transport = openTransport({ protocol: ports.nft, namespace: scratch.path });
  const tables = () =>
    JSON.parse(scratch.run('nft -j list tables'))
      .nftables.flatMap((entry: { table?: { name: string } }) => entry.table?.name ?? [])
      .sort();
  await transport.batch(batch([table(NFT_MSG_NEWTABLE, 'a'), table(NFT_MSG_NEWTABLE, 'b')]));
  t.same(tables(), ['a', 'b']);
  const failing = batch([
    table(NFT_MSG_NEWTABLE, 'c'),
    table(NFT_MSG_DELTABLE, 'missing'),
    table(NFT_MSG_NEWTABLE, 'd', 0, NLM_F.NLM_F_ACK),
  ]);
  const steps = ['begin', 'make c', 'delete missing', 'make d', 'end'];
  await t.rejects(transport.batch(failing, steps), {
    errno: 'ENOENT',
    message: /^delete missing: /,
    context: { index: 2, step: 'delete missing' },
  });
  t.same(tables(), ['a', 'b']);
  await transport.batch(batch([]));
  await transport.batch(batch([table(NFT_MSG_DELTABLE, 'a')]));
  t.same(tables(), ['b']);
});

t.test('a stale generation is told at once as ERESTART', async (t) => {
  using scratch = await openScratchNamespace();
  await using transport = openTransport({ protocol: ports.nft, namespace: scratch.path });
  const begin = {
    ...edge(NFNL_MSG_BATCH_BEGIN),
    payload: Uint8Array.of(0, 0, 0, 10, 8, 0, 1, 0, 0, 0, 0x7f, 0xff),
  };
  const messages = [begin, table(NFT_MSG_NEWTABLE, 'a'), edge(NFNL_MSG_BATCH_END)];
  await t.rejects(transport.batch(messages, ['begin']), {
    errno: 'ERESTART',
    message: /^begin: /,
    context: { index: 0, step: 'begin' },
  });
  await transport.batch(batch([table(NFT_MSG_NEWTABLE, 'a')]));
});

t.test('a batch of more than the usual send buffer goes in one send', async (t) => {
  using scratch = await openScratchNamespace();
  await using transport = openTransport({ protocol: ports.nft, namespace: scratch.path });
  const many = Array.from({ length: 2500 }, (_, i) => table(NFT_MSG_NEWTABLE, `t${i}`, 240));
  let late = 0;
  let last = performance.now();
  const ticks = setInterval(() => {
    late = Math.max(late, performance.now() - last);
    last = performance.now();
  }, 1);
  const start = performance.now();
  await transport.batch(batch(many));
  clearInterval(ticks);
  t.comment(
    `2500 tables in ${(performance.now() - start).toFixed(1)} ms, loop late by ${late.toFixed(1)} ms`,
  );
  t.equal(JSON.parse(scratch.run('nft -j list tables')).nftables.length, 2501);
});

t.test('a closed transport refuses, says why, and leaves no descriptor', async (t) => {
  const before = readdirSync('/proc/self/fd').length;
  const transport = openTransport({ protocol: ports.link });
  const waiting = transport.request({ type: NLMSG.NLMSG_NOOP, flags: 0, payload: new Uint8Array() });
  const refused = t.rejects(waiting, Unavailable);
  await transport[Symbol.asyncDispose]();
  await refused;
  await t.rejects(
    transport.dump({ type: RTM.RTM_GETLINK, flags: 0, payload: encodeLink({}, {}) }),
    Unavailable,
  );
  t.equal(readdirSync('/proc/self/fd').length, before);
});

t.test('events come from the namespace asked for and end with the subscription', async (t) => {
  using scratch = await openScratchNamespace();
  using other = await openScratchNamespace();
  const names: (string | undefined)[] = [];
  const onMessage = ({ payload }: NetlinkReply) => names.push(decodeLink(payload).fields.name);
  const events = openEvents({
    protocol: ports.link,
    groups: [1],
    namespace: scratch.path,
    onMessage,
    onOverrun: () => t.fail('nothing was lost'),
  });
  other.run('ip link add there type bridge');
  scratch.run('ip link add here type bridge');
  await poll(() => names.includes('here'));
  t.notOk(names.includes('there'));
  await events[Symbol.asyncDispose]();
});
