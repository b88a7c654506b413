import assert from 'node:assert/strict';
import type { Cidr, Ip } from '../../core/address.ts';
import { creations, deletions, diff } from '../../core/diff.ts';
import { KernelError, NotFound } from '../../core/errors.ts';
import type { IfName, SandboxKey } from '../../core/ids.ts';
import { hostState, type KernelObject, keyOf, type LinkObject } from '../../core/kernel-objects.ts';
import { linkName } from '../../core/names.ts';
import type { Kernel, Step } from '../../core/ports.ts';
import {
  ADDRESS,
  aContainerLink,
  aPort,
  aTable,
  aVeth,
  aVtep,
  BRIDGE,
  FDB,
  MACVLAN,
  NEIGHBOUR,
  NOBODYS,
  ONE_OF_EACH,
  PORT,
  ROUTE,
  SYSCTL,
  TABLE,
  VETH,
  VTEP,
  VXLAN,
} from './kernel-objects.ts';

/** A kernel under test in a namespace of its own, and what a stranger does there. */
export interface KernelUnderTest extends AsyncDisposable {
  readonly kernel: Kernel;
  /** Makes a bridge of the host's own, without alias, down. */
  makeBridge(name: string): Promise<void>;
  /** Sets a link down. */
  setDown(name: string): Promise<void>;
}

/** One promise of the Kernel port. */
export interface KernelCase {
  readonly name: string;
  readonly run: (subject: KernelUnderTest) => Promise<void>;
}

const cases: KernelCase[] = [];

function promise(name: string, run: (subject: KernelUnderTest) => Promise<void>): void {
  cases.push({ name, run });
}

/** What every Kernel promises; to be run each in a fresh namespace. */
export const kernelContract: readonly KernelCase[] = cases;

/** What `wanted` still lacks and what is there beyond it. */
async function differences(kernel: Kernel, wanted: readonly KernelObject[]): Promise<readonly string[]> {
  const actual = await kernel.snapshot(wanted);
  return diff(hostState(wanted), actual).map(({ op, object }) => `${op} ${keyOf(object)}`);
}

/** Everything weft's, as it can be compared with another moment's. */
async function everything(kernel: Kernel): Promise<readonly string[]> {
  const actual = await kernel.snapshot(ONE_OF_EACH);
  return [...actual.values()].map((object) => JSON.stringify(object, Object.keys(object).sort())).sort();
}

async function refusedWith(errno: string, done: Promise<void>): Promise<void> {
  await assert.rejects(done, (error: unknown) => {
    assert.ok(error instanceof KernelError, `${error} is no KernelError`);
    assert.equal(error.errno, errno, error.message);
    return true;
  });
}

promise('makes one of each kind, and finds nothing to do afterwards', async ({ kernel }) => {
  await kernel.apply(creations(ONE_OF_EACH));
  assert.deepEqual(await differences(kernel, ONE_OF_EACH), []);
});

promise('makes again what is there already without a change', async ({ kernel }) => {
  await kernel.apply(creations(ONE_OF_EACH));
  const before = await everything(kernel);
  await kernel.apply(creations(ONE_OF_EACH));
  assert.deepEqual(await everything(kernel), before);
});

promise('deletes what it made, sysctls apart, and deletes it again', async ({ kernel }) => {
  const made = ONE_OF_EACH.filter(({ kind }) => kind !== 'sysctl');
  await kernel.apply(creations(made));
  await kernel.apply(deletions(made));
  assert.deepEqual([...(await kernel.snapshot(made)).keys()], []);
  await kernel.apply(deletions(made));
});

promise('deleting a sysctl leaves its value', async ({ kernel }) => {
  await kernel.apply(creations([SYSCTL]));
  await kernel.apply(deletions([SYSCTL]));
  assert.deepEqual(await differences(kernel, [SYSCTL]), []);
});

for (const object of [BRIDGE, aTable(), ADDRESS, NEIGHBOUR, FDB, VTEP, ROUTE, PORT]) {
  promise(`deletes a lone ${object.kind} and leaves the rest`, async ({ kernel }) => {
    await kernel.apply(creations(ONE_OF_EACH));
    await kernel.apply([{ op: 'delete', object }]);
    const lacking = await differences(kernel, ONE_OF_EACH);
    assert.ok(lacking.includes(`create ${keyOf(object)}`));
    // What depends on a link, on its last address or on a table goes with it.
    const alone = ['neighbour', 'fdb', 'route', 'element'].includes(object.kind);
    if (alone) assert.equal(lacking.length, 1, lacking.join());
  });
}

const changed: readonly (readonly [KernelObject, KernelObject])[] = [
  [BRIDGE, { ...BRIDGE, mtu: 1300 }],
  [BRIDGE, { ...BRIDGE, alias: 'weft:weft-bridge:other' }],
  [VETH, { ...VETH, isolated: false, hairpin: true }],
  [VETH, { ...VETH, mtu: 1300 }],
  [VXLAN, { ...VXLAN, mtu: 1300 }],
  [VXLAN, { ...VXLAN, alias: 'weft:weft-overlay:other' }],
  [VXLAN, { ...VXLAN, flood: true }],
  [VXLAN, { ...VXLAN, local: '192.0.2.9' as Ip }],
  [NEIGHBOUR, { ...NEIGHBOUR, mac: '02:00:00:00:00:0b' as never }],
  [ROUTE, { ...ROUTE, via: '198.18.0.8' as Ip }],
  [SYSCTL, { ...SYSCTL, value: '0' }],
  [TABLE, aTable('marks')],
  [PORT, aPort('8080', '81')],
];
for (const [was, object] of changed) {
  const fields = Object.keys(object).filter(
    (field) =>
      JSON.stringify(object[field as keyof KernelObject]) !==
      JSON.stringify(was[field as keyof KernelObject]),
  );
  promise(`replaces ${fields.join(' and ')} of a ${was.kind} in place`, async ({ kernel }) => {
    await kernel.apply(creations(ONE_OF_EACH));
    await kernel.apply([{ op: 'replace', object, was }]);
    const wanted = ONE_OF_EACH.map((each) => (keyOf(each) === keyOf(object) ? object : each));
    assert.deepEqual(await differences(kernel, wanted), []);
  });
}

promise('moves a pair to another bridge', async ({ kernel }) => {
  const other = { ...BRIDGE, name: NOBODYS, mac: '02:00:00:00:00:33' as never };
  await kernel.apply(creations([BRIDGE, other, VETH]));
  const moved = { ...VETH, master: NOBODYS };
  await kernel.apply([{ op: 'replace', object: moved, was: VETH }]);
  assert.deepEqual(await differences(kernel, [BRIDGE, other, moved]), []);
});

for (const object of [
  { ...VXLAN, vni: 4243 },
  { ...VXLAN, port: 4790 },
  { ...VXLAN, local: '2001:db8::1' as Ip },
]) {
  const what = `VNI ${object.vni}, port ${object.port}, ${object.local}`;
  promise(`makes a VXLAN device again for ${what}, without what stood on it`, async ({ kernel }) => {
    await kernel.apply(creations(ONE_OF_EACH));
    await kernel.apply([{ op: 'replace', object, was: VXLAN }]);
    const wanted = ONE_OF_EACH.map((each) => (each === VXLAN ? object : each));
    assert.deepEqual(await differences(kernel, wanted), [`create ${keyOf(VTEP)}`]);
  });
}

promise('gives a VXLAN device back that was to be made again, when a step is refused', async ({ kernel }) => {
  await kernel.apply(creations([BRIDGE, VXLAN]));
  const steps: Step[] = [
    { op: 'replace', object: { ...VXLAN, vni: 4243 }, was: VXLAN },
    { op: 'create', object: { ...ADDRESS, dev: NOBODYS } },
  ];
  await assert.rejects(kernel.apply(steps), KernelError);
  assert.deepEqual(await differences(kernel, [BRIDGE, VXLAN]), []);
});

const moves: readonly (readonly [string, KernelObject, KernelObject])[] = [
  ['a MAC from host to host', VTEP, aVtep('192.0.2.3')],
  ['an address from MAC to MAC', NEIGHBOUR, { ...NEIGHBOUR, mac: '02:00:00:00:00:0b' as never }],
  ['a MAC from port to port', FDB, { ...FDB, dev: VXLAN.name }],
];
for (const [what, was, object] of moves) {
  const orders: readonly (readonly [string, Step[]])[] = [
    ['deletion first', [{ op: 'delete', object: was } as const, { op: 'create', object } as const]],
    ['creation first', [{ op: 'create', object } as const, { op: 'delete', object: was } as const]],
  ];
  for (const [order, steps] of orders) {
    promise(`moves ${what} in one call, ${order}`, async ({ kernel }) => {
      await kernel.apply(creations(ONE_OF_EACH));
      await kernel.apply(steps);
      const wanted = ONE_OF_EACH.map((each) => (each === was ? object : each));
      assert.deepEqual(await differences(kernel, wanted), []);
    });

    promise(`undoes the move of ${what}, ${order}`, async ({ kernel }) => {
      await kernel.apply(creations(ONE_OF_EACH));
      const wrong: Step = { op: 'create', object: { ...ADDRESS, dev: NOBODYS } };
      await assert.rejects(kernel.apply([...steps, wrong]), KernelError);
      assert.deepEqual(await differences(kernel, ONE_OF_EACH), []);
    });
  }
}

promise('frames to everybody go to many hosts, each told of by itself', async ({ kernel }) => {
  const zero = '00:00:00:00:00:00';
  const members = ['192.0.2.2', '192.0.2.3', '192.0.2.4'].map((host) => aVtep(host, zero));
  await kernel.apply(creations([BRIDGE, VXLAN, ...members]));
  assert.deepEqual(await differences(kernel, [BRIDGE, VXLAN, ...members]), []);
  const [first, ...rest] = members;
  await kernel.apply([{ op: 'delete', object: first as KernelObject }]);
  assert.deepEqual(await differences(kernel, [BRIDGE, VXLAN, ...rest]), []);
});

promise('a replaced table keeps the elements of sets that stay', async ({ kernel }) => {
  await kernel.apply(creations([TABLE, PORT]));
  const wider = aTable('marks');
  await kernel.apply([{ op: 'replace', object: wider, was: TABLE }]);
  assert.deepEqual(await differences(kernel, [wider, PORT]), []);
});

promise('deleting a bridge detaches its ports and drops what stands on it', async ({ kernel }) => {
  await kernel.apply(creations(ONE_OF_EACH));
  await kernel.apply([{ op: 'delete', object: BRIDGE }]);
  const state = await kernel.snapshot(ONE_OF_EACH);
  const veth = state.get(keyOf(VETH));
  assert.equal(veth?.kind === 'link' && veth.type === 'veth' ? veth.master : undefined, '');
  for (const gone of [ADDRESS, NEIGHBOUR, ROUTE]) assert.ok(!state.has(keyOf(gone)), keyOf(gone));
  assert.ok(state.has(keyOf(PORT)));
});

promise('deleting a pair drops its other end and nothing else', async ({ kernel }) => {
  await kernel.apply(creations(ONE_OF_EACH));
  await kernel.apply([{ op: 'delete', object: VETH }]);
  const names = (await kernel.links()).map(({ name }) => name);
  assert.ok(!names.includes(VETH.name) && !names.includes(VETH.peerName), names.join());
  assert.deepEqual(await differences(kernel, ONE_OF_EACH), [`create ${keyOf(VETH)}`, `create ${keyOf(FDB)}`]);
});

promise('links() shows both ends of a pair, with types, aliases and masters', async ({ kernel }) => {
  await kernel.apply(creations([BRIDGE, VETH]));
  const links = new Map((await kernel.links()).map((each) => [each.name, each]));
  assert.deepEqual(links.get(BRIDGE.name), {
    name: BRIDGE.name,
    type: 'bridge',
    mtu: 1400,
    alias: BRIDGE.alias,
  });
  assert.deepEqual(links.get(VETH.name), {
    name: VETH.name,
    type: 'veth',
    mtu: 1400,
    alias: VETH.alias,
    master: BRIDGE.name,
  });
  assert.deepEqual(links.get(VETH.peerName), { name: VETH.peerName, type: 'veth', mtu: 1400 });
});

promise('routes() shows routes made and subnets of addresses', async ({ kernel }) => {
  await kernel.apply(creations([BRIDGE, VETH, ADDRESS, ROUTE]));
  const routes = (await kernel.routes()).map(({ destination, dev }) => `${destination} ${dev}`);
  assert.ok(routes.includes(`198.18.0.0/24 ${BRIDGE.name}`), routes.join());
  assert.ok(routes.includes(`${ROUTE.destination} ${BRIDGE.name}`), routes.join());
});

promise('pathMtus() follows the route to each address', async ({ kernel }) => {
  await kernel.apply(creations([BRIDGE, ADDRESS]));
  assert.deepEqual(await kernel.pathMtus([]), []);
  assert.deepEqual(await kernel.pathMtus(['198.18.0.77' as Ip, '203.0.113.9' as Ip]), [1400, undefined]);
});

const refusals: readonly (readonly [string, string, readonly KernelObject[], KernelObject])[] = [
  ['a pair without its bridge', 'ENODEV', [], VETH],
  ['a VXLAN device without its bridge', 'ENODEV', [], VXLAN],
  [
    'a VXLAN device with the VNI and port of another',
    'EEXIST',
    [BRIDGE, VXLAN],
    { ...VXLAN, name: linkName('wx', 'two') },
  ],
  ['a VXLAN device of another VNI', 'EEXIST', [BRIDGE, VXLAN], { ...VXLAN, vni: 4243 }],
  ['an address without its link', 'ENODEV', [], ADDRESS],
  ['a neighbour without its link', 'ENODEV', [], NEIGHBOUR],
  ['a forwarding entry without its link', 'ENODEV', [], FDB],
  ['a route without its link', 'ENODEV', [], ROUTE],
  ['an adopted bridge that is not there', 'ENODEV', [], { ...BRIDGE, adopted: true }],
  ['an element without its table', 'ENOENT', [], PORT],
  ['an element without its set', 'ENOENT', [TABLE], { ...PORT, set: 'absent' }],
  ['a sysctl the kernel has not', 'ENOENT', [], { ...SYSCTL, path: 'net/ipv4/absent' }],
  ['a bridge of another MAC', 'EEXIST', [BRIDGE], { ...BRIDGE, mac: '02:00:00:00:00:44' as never }],
  ['an element with other data', 'EEXIST', [TABLE, PORT], aPort('8080', '81')],
  [
    'a pair whose other end’s name is taken',
    'EEXIST',
    [BRIDGE, VETH],
    aVeth('two', { peerName: VETH.peerName }),
  ],
];
for (const [what, errno, before, object] of refusals) {
  promise(`refuses ${what} with ${errno} and changes nothing`, async ({ kernel }) => {
    await kernel.apply(creations(before));
    const state = await everything(kernel);
    await refusedWith(errno, kernel.apply([{ op: 'create', object }]));
    assert.deepEqual(await everything(kernel), state);
  });
}

const WRONG: readonly (readonly [string, KernelObject])[] = [
  ['a link', aVeth('two', { master: NOBODYS })],
  ['an address', { ...ADDRESS, dev: NOBODYS }],
  ['an element', { ...PORT, set: 'absent' }],
];
for (const [what, wrong] of WRONG) {
  promise(`undoes every creation of a call when ${what} is refused`, async ({ kernel }) => {
    const before = await everything(kernel);
    const made = ONE_OF_EACH.filter(({ kind }) => kind !== 'sysctl');
    await assert.rejects(kernel.apply(creations([...made, wrong])), KernelError);
    assert.deepEqual(await everything(kernel), before);
  });

  promise(`undoes replacements of a call when ${what} is refused`, async ({ kernel }) => {
    await kernel.apply(creations(ONE_OF_EACH));
    const before = await everything(kernel);
    const steps: Step[] = [
      { op: 'replace', object: { ...SYSCTL, value: '0' }, was: SYSCTL },
      { op: 'replace', object: { ...BRIDGE, mtu: 1300 }, was: BRIDGE },
      { op: 'replace', object: { ...VETH, isolated: false }, was: VETH },
      { op: 'replace', object: aPort('8080', '81'), was: PORT },
      { op: 'create', object: wrong },
    ];
    await assert.rejects(kernel.apply(steps), KernelError);
    assert.deepEqual(await everything(kernel), before);
  });

  promise(`undoes nothing that was there before when ${what} is refused`, async ({ kernel }) => {
    await kernel.apply(creations(ONE_OF_EACH));
    // Making a neighbour or a forwarding entry takes over what the kernel has learnt, so it never finds one there.
    const again = ONE_OF_EACH.filter(({ kind }) => kind !== 'neighbour' && kind !== 'fdb');
    const before = await everything(kernel);
    await assert.rejects(kernel.apply(creations([...again, wrong])), KernelError);
    assert.deepEqual(await everything(kernel), before);
  });
}

promise('brings up and corrects a link of weft’s that somebody set down', async ({ kernel, setDown }) => {
  await kernel.apply(creations([BRIDGE, VETH]));
  await setDown(VETH.name);
  assert.deepEqual(await differences(kernel, [BRIDGE, VETH]), [
    `create ${keyOf(VETH)}`.replace('create', 'replace'),
  ]);
  const was = (await kernel.snapshot([BRIDGE, VETH])).get(keyOf(VETH)) as LinkObject;
  await kernel.apply([{ op: 'replace', object: VETH, was }]);
  assert.deepEqual(await differences(kernel, [BRIDGE, VETH]), []);
});

promise('puts its own link in the place of another kind under a derived name', async (subject) => {
  const { kernel } = subject;
  await kernel.apply(creations([BRIDGE]));
  await subject.makeBridge(VETH.name);
  const wanted = [BRIDGE, VETH];
  const was = (await kernel.snapshot(wanted)).get(keyOf(VETH)) as LinkObject;
  assert.equal(was.type, 'foreign');
  await kernel.apply([{ op: 'replace', object: VETH, was }]);
  assert.deepEqual(await differences(kernel, wanted), []);
});

promise('does not touch a bridge of the host’s under a name of the user’s', async (subject) => {
  const { kernel } = subject;
  await subject.makeBridge('host0');
  const object = { ...BRIDGE, name: 'host0' as IfName };
  const before = await kernel.links();
  await refusedWith('EEXIST', kernel.apply([{ op: 'create', object }]));
  assert.deepEqual(await kernel.links(), before);
});

promise('adopts a bridge: brings it up, marks nothing, deletes nothing', async (subject) => {
  const { kernel } = subject;
  await subject.makeBridge('host0');
  const { mac: _mac, mtu: _mtu, ...fields } = BRIDGE;
  const adopted: KernelObject = { ...fields, name: 'host0' as IfName, adopted: true };
  assert.deepEqual(await differences(kernel, [adopted]), ['replace link host0']);
  await kernel.apply([{ op: 'create', object: adopted }]);
  assert.deepEqual(await differences(kernel, [adopted]), []);
  await kernel.apply([{ op: 'delete', object: adopted }]);
  const host0 = (await kernel.links()).find(({ name }) => name === 'host0');
  assert.ok(host0 !== undefined && host0.alias === undefined);
  assert.equal((await kernel.snapshot([])).size, 0);
});

promise(
  'a snapshot shows what is weft’s whether wanted or not, and what is wanted whosever it is',
  async (subject) => {
    const { kernel } = subject;
    await subject.makeBridge('host0');
    await kernel.apply(creations(ONE_OF_EACH));
    const unasked = await kernel.snapshot([]);
    for (const object of ONE_OF_EACH) {
      assert.equal(unasked.has(keyOf(object)), object.kind !== 'sysctl', keyOf(object));
    }
    assert.ok(!unasked.has('link host0'));
    const wanted: KernelObject = { ...BRIDGE, name: 'host0' as IfName };
    assert.ok((await kernel.snapshot([wanted])).has('link host0'));
  },
);

promise('a snapshot of some links shows them and what is on them only', async ({ kernel }) => {
  const other = { ...BRIDGE, name: NOBODYS, mac: '02:00:00:00:00:33' as never };
  await kernel.apply(creations([...ONE_OF_EACH, other]));
  const some = await kernel.snapshot(ONE_OF_EACH, new Set([BRIDGE.name as string]));
  const expected = [BRIDGE, ADDRESS, NEIGHBOUR, ROUTE].map(keyOf);
  assert.deepEqual([...some.keys()].sort(), expected.sort());
  assert.equal((await kernel.snapshot([], new Set(['absent']))).size, 0);
});

promise('discards links later, and says when none waits', async ({ kernel }) => {
  await kernel.apply(creations([BRIDGE, VETH, ADDRESS]));
  kernel.discardLinks([VETH.name, BRIDGE.name, NOBODYS]);
  await kernel.discarded([VETH.name]);
  await kernel.discarded();
  assert.equal((await kernel.snapshot([BRIDGE, VETH, ADDRESS])).size, 0);
  await kernel.discarded();
});

promise('a link made while its discard waits is there afterwards', async ({ kernel }) => {
  await kernel.apply(creations([BRIDGE, VETH]));
  kernel.discardLinks([VETH.name]);
  await kernel.apply(creations([VETH]));
  await kernel.discarded();
  assert.deepEqual(await differences(kernel, [BRIDGE, VETH]), []);
});

promise('a LAN cannot be asked behind a link that is not there', async ({ kernel }) => {
  await assert.rejects(kernel.probe('absent0' as IfName, '198.18.0.9' as Ip), NotFound);
});

promise('nothing is announced inside a sandbox that is not there', async ({ kernel }) => {
  const sandbox = '/run/docker/netns/absent' as SandboxKey;
  assert.equal(await kernel.announceInside(sandbox, '198.18.0.9' as Ip), false);
});

promise('makes a link on a parent, and makes it again in another mode', async (subject) => {
  const { kernel } = subject;
  await refusedWith('ENODEV', kernel.apply(creations([MACVLAN])));
  await subject.makeBridge('lan0');
  const route: KernelObject = { kind: 'route', dev: MACVLAN.name, destination: '198.18.0.9/32' as Cidr };
  await kernel.apply(creations([MACVLAN, route]));
  assert.deepEqual(await differences(kernel, [MACVLAN, route]), []);
  await kernel.apply(creations([MACVLAN, route]));
  const object: LinkObject = { ...MACVLAN, mode: 'private' };
  await kernel.apply([{ op: 'replace', object, was: MACVLAN }]);
  assert.deepEqual(await differences(kernel, [object, route]), [`create ${keyOf(route)}`]);
  await subject.setDown(MACVLAN.name);
  assert.deepEqual(await differences(kernel, [object]), [`replace ${keyOf(object)}`]);
  await kernel.apply(deletions([object]));
  assert.deepEqual(await differences(kernel, [object]), [`create ${keyOf(object)}`]);
});

promise('leaves a container’s link down, and finds it where its sandbox is none', async (subject) => {
  const { kernel } = subject;
  await subject.makeBridge('lan0');
  const link = aContainerLink('/proc/self/ns/none');
  assert.deepEqual(await differences(kernel, [link]), [`create ${keyOf(link)}`]);
  await kernel.apply(creations([link]));
  assert.deepEqual(await differences(kernel, [link]), []);
  const orphans = diff(hostState([]), await kernel.snapshot([])).map(({ object }) => keyOf(object));
  assert.deepEqual(orphans, [keyOf(link)]);
  await kernel.apply(deletions([link]));
  assert.deepEqual(await differences(kernel, [link]), [`create ${keyOf(link)}`]);
});

promise('makes a device that leads nowhere', async ({ kernel }) => {
  const object: LinkObject = {
    kind: 'link',
    type: 'dummy',
    name: linkName('wp', 'contract'),
    mtu: 1300,
    alias: 'weft:weft-macvlan:contract',
  };
  const on: LinkObject = { ...MACVLAN, parent: object.name };
  await kernel.apply(creations([object, on]));
  await kernel.apply(creations([object, on]));
  assert.deepEqual(await differences(kernel, [object, on]), []);
  await kernel.apply([{ op: 'replace', object: { ...object, mtu: 1200 }, was: object }]);
  assert.deepEqual(await differences(kernel, [{ ...object, mtu: 1200 }, on]), []);
  await kernel.apply(deletions([object]));
  assert.equal((await kernel.snapshot([object, on])).size, 0);
});

promise('watching ends when aborted', async ({ kernel }) => {
  const stop = new AbortController();
  const watching = (async () => {
    for await (const _hint of kernel.watch(stop.signal));
  })();
  setImmediate(() => stop.abort());
  await watching;
});
