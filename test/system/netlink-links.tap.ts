import t, { type Test } from 'tap';
import type { Cidr, Ip } from '../../core/address.ts';
import { diff } from '../../core/diff.ts';
import { KernelError } from '../../core/errors.ts';
import type { IfName, Mac } from '../../core/ids.ts';
import { type BridgeLink, hostState, type KernelObject, type VethLink } from '../../core/kernel-objects.ts';
import { linkName } from '../../core/names.ts';
import type { Step } from '../../core/ports.ts';
import { LinkLayer } from '../../kernel/links/index.ts';
import { openScratchNamespace, type ScratchNamespace } from '../support/scratch-namespace.ts';

const BRIDGE: BridgeLink = {
  kind: 'link',
  type: 'bridge',
  name: linkName('wb', 'n1'),
  mac: '02:00:00:00:00:01' as Mac,
  mtu: 1400,
  alias: 'weft:n1',
  routeLocalnet: true,
};
const MAC = '02:00:00:00:00:02' as Mac;

function aVeth(id: string, fields: Partial<VethLink> = {}): VethLink {
  return {
    kind: 'link',
    type: 'veth',
    name: linkName('wv', id),
    peerName: linkName('wc', id),
    peerMac: MAC,
    mtu: 1400,
    alias: `weft:${id}`,
    master: BRIDGE.name,
    isolated: true,
    hairpin: false,
    ...fields,
  };
}

const creations = (...objects: KernelObject[]): Step[] => objects.map((object) => ({ op: 'create', object }));
const deletions = (...objects: KernelObject[]): Step[] => objects.map((object) => ({ op: 'delete', object }));

async function host() {
  const namespace = await openScratchNamespace();
  const logged: unknown[] = [];
  const links = await LinkLayer.open({ namespace: namespace.path, log: (event) => logged.push(event) });
  return {
    namespace,
    links,
    logged,
    ip: (command: string) => JSON.parse(namespace.run(`ip -j -d ${command}`) || '[]'),
    names: () => namesIn(namespace),
    [Symbol.asyncDispose]: async () => {
      await links[Symbol.asyncDispose]();
      namespace[Symbol.dispose]();
    },
  };
}

function namesIn(namespace: ScratchNamespace): string[] {
  return JSON.parse(namespace.run('ip -j link')).map(({ ifname }: { ifname: string }) => ifname);
}

async function kernelError(t: Test, promise: Promise<unknown>): Promise<KernelError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof KernelError)) {
    t.fail('a KernelError was expected', { found: error });
    throw error;
  }
  return error;
}

t.test('a bridge is as wanted: MAC, MTU, alias, no forward delay, no link-local address, up', async (t) => {
  await using h = await host();
  await h.links.apply(creations(BRIDGE));
  const [link] = h.ip(`link show ${BRIDGE.name}`);
  t.match(link, {
    mtu: 1400,
    address: '02:00:00:00:00:01',
    ifalias: 'weft:n1',
    inet6_addr_gen_mode: 'none',
    linkinfo: { info_kind: 'bridge', info_data: { forward_delay: 0, stp_state: 0 } },
  });
  t.ok(link.flags.includes('UP'));
  t.same(h.ip(`addr show ${BRIDGE.name}`)[0].addr_info, []);
  const localnet = h.namespace.run(`cat /proc/sys/net/ipv4/conf/${BRIDGE.name}/route_localnet`);
  t.equal(localnet.trim(), '1');
});

t.test('a bridge for IPv6 keeps its link-local address', async (t) => {
  await using h = await host();
  await h.links.apply(creations({ ...BRIDGE, ipv6: true }));
  t.match(h.ip(`link show ${BRIDGE.name}`), [{ inet6_addr_gen_mode: 'eui64' }]);
});

t.test('a bridge below the IPv6 minimum MTU can be made', async (t) => {
  await using h = await host();
  await h.links.apply(creations({ ...BRIDGE, mtu: 1000 }, aVeth('small', { mtu: 1000 })));
  t.match(h.ip(`link show ${BRIDGE.name}`), [{ mtu: 1000, ifalias: 'weft:n1' }]);
});

t.test('a veth pair is as wanted on both ends', async (t) => {
  await using h = await host();
  await h.links.apply(creations(BRIDGE, aVeth('e1')));
  const [near] = h.ip(`link show ${aVeth('e1').name}`);
  t.match(near, {
    mtu: 1400,
    master: BRIDGE.name,
    ifalias: 'weft:e1',
    inet6_addr_gen_mode: 'none',
    linkinfo: { info_kind: 'veth', info_slave_kind: 'bridge', info_slave_data: { isolated: true } },
  });
  t.ok(near.flags.includes('UP'));
  const [far] = h.ip(`link show ${aVeth('e1').peerName}`);
  t.match(far, { mtu: 1400, address: MAC, link: aVeth('e1').name });
  t.notOk(far.flags.includes('UP'));
});

t.test('addresses of both families are there at once, IPv6 without duplicate detection', async (t) => {
  await using h = await host();
  const v4: KernelObject = {
    kind: 'address',
    dev: BRIDGE.name,
    address: { ip: '198.18.0.1' as Ip, prefix: 24 },
  };
  const v6: KernelObject = {
    kind: 'address',
    dev: BRIDGE.name,
    address: { ip: 'fd00::1' as Ip, prefix: 64 },
  };
  await h.links.apply(creations({ ...BRIDGE, ipv6: true }, v4, v6));
  const found = h.ip(`addr show ${BRIDGE.name}`)[0].addr_info;
  t.match(
    found.find(({ local }: { local: string }) => local === '198.18.0.1'),
    { prefixlen: 24, family: 'inet' },
  );
  const six = found.find(({ local }: { local: string }) => local === 'fd00::1');
  t.match(six, { prefixlen: 64, family: 'inet6', nodad: true });
  t.notOk(six.tentative);
  await h.links.apply(deletions(v4, v6));
  t.same(
    h
      .ip(`addr show ${BRIDGE.name}`)[0]
      .addr_info.filter(({ scope }: { scope: string }) => scope === 'global'),
    [],
  );
});

t.test('routes, neighbours and forwarding entries come and go', async (t) => {
  await using h = await host();
  const address: KernelObject = {
    kind: 'address',
    dev: BRIDGE.name,
    address: { ip: '198.18.0.1' as Ip, prefix: 24 },
  };
  const objects: KernelObject[] = [
    { kind: 'route', dev: BRIDGE.name, destination: '198.18.9.0/24' as Cidr, via: '198.18.0.9' as Ip },
    { kind: 'route', dev: BRIDGE.name, destination: '198.18.8.0/24' as Cidr },
    { kind: 'route', dev: BRIDGE.name, destination: 'fd00:9::/64' as Cidr },
    { kind: 'neighbour', dev: BRIDGE.name, ip: '198.18.0.5' as Ip, mac: MAC },
    { kind: 'neighbour', dev: BRIDGE.name, ip: 'fd00::5' as Ip, mac: MAC },
    { kind: 'fdb', dev: aVeth('e1').name, mac: '02:00:00:00:00:77' as Mac },
  ];
  await h.links.apply(creations({ ...BRIDGE, ipv6: true }, aVeth('e1'), address, ...objects));
  const routes = h.ip('route show proto 119');
  t.match(
    routes.find(({ dst }: { dst: string }) => dst === '198.18.9.0/24'),
    { gateway: '198.18.0.9', dev: BRIDGE.name },
  );
  t.match(
    routes.find(({ dst }: { dst: string }) => dst === '198.18.8.0/24'),
    { scope: 'link', dev: BRIDGE.name },
  );
  t.match(h.ip('-6 route show proto 119'), [{ dst: 'fd00:9::/64', dev: BRIDGE.name }]);
  t.match(h.ip(`neigh show dev ${BRIDGE.name} 198.18.0.5`), [{ lladdr: MAC, state: ['PERMANENT'] }]);
  t.match(h.ip(`neigh show dev ${BRIDGE.name} fd00::5`), [{ lladdr: MAC, state: ['PERMANENT'] }]);
  const fdb = JSON.parse(h.namespace.run(`bridge -j fdb show dev ${aVeth('e1').name}`));
  t.match(
    fdb.find(({ mac }: { mac: string }) => mac === '02:00:00:00:00:77'),
    { master: BRIDGE.name, state: 'static' },
  );
  const wanted = [{ ...BRIDGE, ipv6: true } as const, aVeth('e1'), address, ...objects];
  t.same(
    diff(hostState(wanted), hostState(await h.links.snapshot(wanted))),
    [],
    'the snapshot finds them all',
  );
  t.same(
    diff(hostState(wanted), hostState(await h.links.snapshot([]))).filter(({ op }) => op !== 'create'),
    [],
    'nothing is found that was not made',
  );
  await h.links.apply(deletions(...objects.toReversed()));
  t.same(h.ip('route show proto 119'), []);
  t.same(h.ip(`neigh show dev ${BRIDGE.name} nud permanent`), []);
});

t.test('VXLAN forwarding entries: a flood list under one MAC, a move of another', async (t) => {
  await using h = await host();
  const dev = linkName('wx', 'n1');
  h.namespace.run(`ip link add ${dev} type vxlan id 42 dstport 4789 nolearning; ip link set ${dev} up`);
  const entry = (mac: string, destination: string): KernelObject => ({
    kind: 'fdb',
    dev,
    mac: mac as Mac,
    destination: destination as Ip,
  });
  const zero = '00:00:00:00:00:00';
  await h.links.apply(creations(entry(zero, '192.0.2.1'), entry(zero, '192.0.2.2'), entry(MAC, '192.0.2.1')));
  await h.links.apply(creations(entry(MAC, '192.0.2.2')));
  const show = () =>
    JSON.parse(h.namespace.run(`bridge -j fdb show dev ${dev}`))
      .map(({ mac, dst }: { mac: string; dst: string }) => `${mac} ${dst}`)
      .sort();
  t.same(show(), [`${zero} 192.0.2.1`, `${zero} 192.0.2.2`, `${MAC} 192.0.2.2`]);
  const found = await h.links.snapshot([]);
  t.same(found.filter(({ kind }) => kind === 'fdb').length, 3);
  await h.links.apply(deletions(entry(MAC, '192.0.2.1'), entry(zero, '192.0.2.1')));
  t.same(show(), [`${zero} 192.0.2.2`, `${MAC} 192.0.2.2`], 'deleting the old place leaves the new one');
});

t.test('everything done twice is fine, deleting twice too', async (t) => {
  await using h = await host();
  const address: KernelObject = {
    kind: 'address',
    dev: BRIDGE.name,
    address: { ip: '198.18.0.1' as Ip, prefix: 24 },
  };
  const steps = creations(BRIDGE, aVeth('e1'), address);
  await h.links.apply(steps);
  await h.links.apply(steps);
  const all = deletions(address, aVeth('e1'), BRIDGE);
  await h.links.apply(all);
  t.same(h.names(), ['lo']);
  await h.links.apply(all);
});

t.test('a refused step undoes the others and says which it was', async (t) => {
  await using h = await host();
  const address: KernelObject = {
    kind: 'address',
    dev: 'nowhere' as IfName,
    address: { ip: '198.18.0.1' as Ip, prefix: 24 },
  };
  const error = await kernelError(t, h.links.apply(creations(BRIDGE, aVeth('e1'), address)));
  t.match(error.message, /create address on nowhere: there is no link nowhere \(ENODEV\)/);
  t.same(h.names(), ['lo'], 'bridge and pair are gone again');
});

t.test('a refusal in the middle of one send undoes what the kernel went on to do', async (t) => {
  await using h = await host();
  await h.links.apply(creations(BRIDGE));
  h.namespace.run(`ip link add ${aVeth('taken').peerName} type bridge`);
  const error = await kernelError(t, h.links.apply(creations(aVeth('one'), aVeth('taken'), aVeth('two'))));
  t.equal(error.errno, 'EEXIST');
  t.match(error.message, new RegExp(`^create veth ${aVeth('taken').name}`));
  t.same(h.names().sort(), ['lo', BRIDGE.name, aVeth('taken').peerName].sort());
});

t.test('a refusal carries the extended ack of the kernel', async (t) => {
  await using h = await host();
  const error = await kernelError(t, h.links.apply(creations({ ...BRIDGE, mtu: 70000 })));
  t.equal(error.errno, 'EINVAL');
  t.equal(error.context['extack'], 'mtu greater than device maximum');
  t.equal(error.context['step'], `configure bridge ${BRIDGE.name}`);
});

t.test("a bridge of the host's own is never changed under a name the user chose", async (t) => {
  await using h = await host();
  h.namespace.run('ip link add lan0 type bridge forward_delay 700; ip link set lan0 alias mine');
  const lan: BridgeLink = { ...BRIDGE, name: 'lan0' as IfName };
  const error = await kernelError(t, h.links.apply(creations(lan)));
  t.equal(error.errno, 'EEXIST');
  t.match(h.ip('link show lan0'), [{ ifalias: 'mine', linkinfo: { info_data: { forward_delay: 700 } } }]);
});

t.test('an adopted bridge is brought up, and left alone otherwise', async (t) => {
  await using h = await host();
  h.namespace.run('ip link add lan0 type bridge forward_delay 700; ip link set lan0 alias mine');
  const lan: BridgeLink = {
    kind: 'link',
    type: 'bridge',
    name: 'lan0' as IfName,
    alias: 'weft:n1',
    adopted: true,
    routeLocalnet: true,
  };
  t.same(
    diff(hostState([lan]), hostState(await h.links.snapshot([lan]))).map(({ op }) => op),
    ['replace'],
  );
  await h.links.apply(diff(hostState([lan]), hostState(await h.links.snapshot([lan]))));
  const [link] = h.ip('link show lan0');
  t.match(link, { ifalias: 'mine', linkinfo: { info_data: { forward_delay: 700 } } });
  t.ok(link.flags.includes('UP'));
  t.same(diff(hostState([lan]), hostState(await h.links.snapshot([lan]))), []);
  await h.links.apply(deletions(lan));
  t.same(h.names(), ['lo', 'lan0']);
});

t.test('drift is found and repaired in place', async (t) => {
  await using h = await host();
  const wanted = [BRIDGE, aVeth('e1')];
  await h.links.apply(creations(...wanted));
  const before = h.ip(`link show ${aVeth('e1').name}`)[0].ifindex;
  h.namespace.run(`
    ip link set ${BRIDGE.name} down mtu 1500 alias other
    sysctl -qw net.ipv4.conf.${BRIDGE.name}.route_localnet=0
    ip link set ${aVeth('e1').name} down nomaster`);
  const steps = diff(hostState(wanted), hostState(await h.links.snapshot(wanted)));
  t.same(
    steps.map(({ op, object }) => `${op} ${object.kind}`),
    ['replace link', 'replace link'],
  );
  await h.links.apply(steps);
  t.same(diff(hostState(wanted), hostState(await h.links.snapshot(wanted))), []);
  t.equal(h.ip(`link show ${aVeth('e1').name}`)[0].ifindex, before);
});

t.test('another kind of link under a derived name gives way', async (t) => {
  await using h = await host();
  h.namespace.run(`ip link add ${aVeth('e1').name} type bridge`);
  await h.links.apply(creations(BRIDGE));
  const wanted = [BRIDGE, aVeth('e1')];
  const steps = diff(hostState(wanted), hostState(await h.links.snapshot(wanted)));
  await h.links.apply(steps);
  t.match(h.ip(`link show ${aVeth('e1').name}`), [{ linkinfo: { info_kind: 'veth' } }]);
});

t.test('a snapshot of some links reads only what is on them', async (t) => {
  await using h = await host();
  const on = (dev: IfName, ip: string): KernelObject => ({
    kind: 'address',
    dev,
    address: { ip: ip as Ip, prefix: 24 },
  });
  const other: BridgeLink = { ...BRIDGE, name: linkName('wb', 'n2'), mac: MAC };
  await h.links.apply(
    creations(BRIDGE, other, aVeth('e1'), on(BRIDGE.name, '198.18.0.1'), on(other.name, '198.18.1.1')),
  );
  const found = await h.links.snapshot([], new Set([other.name, aVeth('e1').name]));
  t.same(
    found
      .map((object) => (object.kind === 'address' ? object.address.ip : 'name' in object && object.name))
      .sort(),
    ['198.18.1.1', aVeth('e1').name, other.name].sort(),
  );
});

t.test('an ifindex that went stale is looked up again', async (t) => {
  await using h = await host();
  await h.links.apply(creations(BRIDGE));
  const address: KernelObject = {
    kind: 'address',
    dev: BRIDGE.name,
    address: { ip: '198.18.0.1' as Ip, prefix: 24 },
  };
  h.namespace.run(`ip link del ${BRIDGE.name}; ip link add ${BRIDGE.name} type bridge`);
  await h.links.apply(creations(address));
  t.match(h.ip(`addr show ${BRIDGE.name}`), [{ addr_info: [{ local: '198.18.0.1' }] }]);
});

t.test('discarded links go together, and a link can be made again under a name that waits', async (t) => {
  await using h = await host();
  const veths = Array.from({ length: 200 }, (_, i) => aVeth(`many${i}`));
  let start = performance.now();
  await h.links.apply(creations(BRIDGE));
  t.comment(`bridge: ${(performance.now() - start).toFixed(2)} ms`);
  start = performance.now();
  await h.links.apply(creations(...veths));
  t.comment(`200 veth pairs in one apply: ${((performance.now() - start) / 200).toFixed(3)} ms each`);
  t.equal(h.names().length, 402);
  let blocked = 0;
  let last = performance.now();
  const ticks = setInterval(() => {
    blocked = Math.max(blocked, performance.now() - last);
    last = performance.now();
  }, 1);
  start = performance.now();
  h.links.discardLinks(veths.map(({ name }) => name));
  await h.links.discarded();
  clearInterval(ticks);
  t.comment(
    `200 pairs discarded in ${(performance.now() - start).toFixed(1)} ms, loop late by ${blocked.toFixed(1)} ms`,
  );
  t.same(h.names(), ['lo', BRIDGE.name]);
  t.same(h.logged, []);

  await h.links.apply(creations(aVeth('again')));
  h.links.discardLinks([aVeth('again').name]);
  await h.links.apply(creations(aVeth('again')));
  await h.links.discarded();
  t.ok(h.names().includes(aVeth('again').name));
});

t.test('what cannot be discarded is logged, and the rest goes', async (t) => {
  await using h = await host();
  await h.links.apply(creations(BRIDGE, aVeth('e1')));
  h.links.discardLinks([aVeth('e1').name, 'lo' as IfName, 'nowhere' as IfName]);
  await h.links.discarded();
  t.same(h.names(), ['lo', BRIDGE.name]);
  t.match(h.logged, [{ message: 'link not deleted', link: 'lo' }]);
});
