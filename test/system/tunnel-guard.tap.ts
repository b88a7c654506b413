import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { type Ip, parseIp } from '../../core/address.ts';
import { type KernelObject, nftFamily } from '../../core/kernel-objects.ts';
import type { NftFamily } from '../../core/nft.ts';
import { hostTable, planTunnelEnd, planTunnelPort } from '../../drivers/index.ts';
import { Nftables, tableObject } from '../../kernel/nftables/index.ts';
import { openScratchNamespace, type ScratchNamespace } from '../support/scratch-namespace.ts';

/** The host table's guard of tunnel ports against real packets: stranger — host — inner. */

const PLANS = {
  4: {
    stranger: '198.18.0.2',
    host: '198.18.0.1',
    all: '198.18.0.255',
    gate: '198.18.1.1',
    inner: '198.18.1.2',
  },
  6: { stranger: 'fd00:a::2', host: 'fd00:a::1', all: 'ff02::1%eth0', gate: 'fd00:b::1', inner: 'fd00:b::2' },
} as const;
const BITS = { 4: 24, 6: 64 } as const;
const PORT = 4789;

const ip = (text: string): Ip => parseIp(text, 'ip');
const create = (...objects: readonly KernelObject[]) =>
  objects.map((object) => ({ op: 'create' as const, object }));

function join(stranger: ScratchNamespace, host: ScratchNamespace, inner: ScratchNamespace): void {
  host.run(`
    ip link add out type veth peer name eth0 netns ${stranger.pid}
    ip link add in type veth peer name eth0 netns ${inner.pid}
    sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1`);
  for (const [namespace, link, addresses, via] of [
    [host, 'out', [PLANS[4].host, PLANS[6].host], undefined],
    [host, 'in', [PLANS[4].gate, PLANS[6].gate], undefined],
    [stranger, 'eth0', [PLANS[4].stranger, PLANS[6].stranger], [PLANS[4].host, PLANS[6].host]],
    [inner, 'eth0', [PLANS[4].inner, PLANS[6].inner], [PLANS[4].gate, PLANS[6].gate]],
  ] as const) {
    namespace.run(`sysctl -qw net.ipv6.conf.${link}.accept_dad=0; ip link set ${link} up; ip link set lo up`);
    for (const [index, bits] of [BITS[4], BITS[6]].entries()) {
      const broadcast = index === 0 ? 'broadcast +' : '';
      namespace.run(`ip addr add ${addresses[index]}/${bits} ${broadcast} dev ${link}`);
      if (via !== undefined) namespace.run(`ip route add default via ${via[index]}`);
    }
  }
}

/** Adds the lines that arrive at a port to `seen`. */
async function listen(namespace: ScratchNamespace, port: number, seen: string[]): Promise<ChildProcess> {
  const child = spawn('nsenter', [
    `--net=${namespace.path}`,
    'socat',
    '-u',
    `udp6-recv:${port},ipv6only=0`,
    'stdout',
  ]);
  child.stdout.on('data', (chunk: Buffer) => seen.push(...chunk.toString().trim().split('\n')));
  await until(() => namespace.run('ss -Hlun').includes(`:${port} `));
  return child;
}

async function until(condition: () => boolean): Promise<boolean> {
  const deadline = performance.now() + 5000;
  while (!condition()) {
    if (performance.now() > deadline) return false;
    await sleep(10);
  }
  return true;
}

function send(from: ScratchNamespace, to: string, port: number, text: string): void {
  const host = to.includes(':') ? `[${to}]` : to;
  const kind = to.includes(':') ? 'udp6' : 'udp4';
  from.run(`echo ${text} | socat -u - ${kind}-sendto:${host}:${port},broadcast`);
}

/** Packets that the guard has dropped. */
function dropped(host: ScratchNamespace, family: NftFamily): number {
  const match = /counter packets (\d+) .*"tunnel packets of strangers"/.exec(
    host.run(`nft list chain ${family} weft tunnel`),
  );
  return Number(match?.[1]);
}

t.test('tunnel packets of strangers are dropped and counted', async (t) => {
  using stranger = await openScratchNamespace();
  using host = await openScratchNamespace();
  using inner = await openScratchNamespace();
  join(stranger, host, inner);
  const seen: string[] = [];
  const seenInside: string[] = [];
  const programs = [
    await listen(host, PORT, seen),
    await listen(host, 4790, seen),
    await listen(inner, PORT, seenInside),
  ];
  t.teardown(() => {
    for (const program of programs) program.kill();
  });
  await using nft = await Nftables.open({ namespace: host.path, tables: ['weft'] });

  for (const family of [4, 6] as const) {
    const plan = PLANS[family];
    const name = nftFamily(family);
    await nft.apply(create(tableObject(hostTable(family))));
    send(stranger, plan.host, PORT, `open${family}`);
    t.ok(await until(() => seen.includes(`open${family}`)), `${name}: no tunnel port, no guard`);

    await nft.apply(create(planTunnelPort(family, PORT)));
    send(stranger, plan.host, PORT, `stranger${family}`);
    t.ok(await until(() => dropped(host, name) === 1), `${name}: a stranger's packet is counted`);
    send(stranger, plan.all, PORT, `everybody${family}`);
    t.ok(await until(() => dropped(host, name) === 2), `${name}: sent to everybody, too`);
    send(stranger, plan.host, 4790, `other${family}`);
    t.ok(await until(() => seen.includes(`other${family}`)), `${name}: other ports are not guarded`);
    send(stranger, plan.inner, PORT, `through${family}`);
    t.ok(await until(() => seenInside.includes(`through${family}`)), `${name}: nor what is forwarded`);

    await nft.apply(create(planTunnelEnd(ip(plan.stranger))));
    send(stranger, plan.host, PORT, `member${family}`);
    t.ok(await until(() => seen.includes(`member${family}`)), `${name}: a member's packet arrives`);
    t.equal(dropped(host, name), 2, `${name}: and is not counted`);
  }
  t.notMatch(seen.join(' '), /stranger|everybody/, 'what was counted did not arrive');
});
