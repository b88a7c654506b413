import { setTimeout as sleep } from 'node:timers/promises';
import type { Test } from 'tap';
import { EngineRefused, type Host, type Machine, until } from '../../lab/index.ts';
import type { LanHost, LanScene } from './lan-scene.ts';
import type { LanSuite } from './run-suite.ts';

interface ShownAddress {
  readonly address: string;
  readonly kind: string;
  readonly name?: string;
  readonly mac?: string;
}

async function macOf(machine: Pick<Host | Machine, 'exec'>): Promise<string> {
  const [link] = JSON.parse(await machine.exec(['ip', '-j', 'link', 'show', 'eth0']));
  return link.address;
}

/** A network of the LAN whose addresses weft gives. */
async function pooled(on: LanHost, { underlay }: LanScene): Promise<void> {
  const { prefix4, prefix6 } = underlay;
  await on.host.docker.createNetwork({
    name: 'lan',
    driver: 'weft-macvlan',
    ipamDriver: 'weft',
    ipamOptions: { 'weft.parent': 'eth0' },
    ipv6: true,
    subnets: [
      { subnet: `${prefix4}.0/24`, gateway: `${prefix4}.1` },
      { subnet: `${prefix6}/64`, gateway: `${prefix6}1` },
    ],
    options: { parent: 'eth0' },
  });
}

async function shown(on: LanHost, { underlay }: LanScene): Promise<readonly ShownAddress[]> {
  const pool = `WeftLocal/${underlay.prefix4}.0/24`;
  const { stdout } = await on.host.weft(['ipam', 'inspect', pool, '--json']);
  return JSON.parse(stdout).leases;
}

async function passedOver(t: Test, scene: LanScene): Promise<void> {
  const { one, two, lan, underlay } = scene;
  // weft gives from the bottom: the first three are another machine's, the other host's and this host's.
  const places = [lan, two.host, one.host].map((machine, index) => ({
    machine,
    ip: `${underlay.prefix4}.${index + 2}`,
    ip6: `${underlay.prefix6}${index + 2}`,
  }));
  const change = async (what: 'add' | 'del') => {
    for (const { machine, ip, ip6 } of places) {
      await machine.exec(['ip', 'addr', what, `${ip}/24`, 'dev', 'eth0']);
      await machine.exec([
        'ip',
        'addr',
        what,
        `${ip6}/64`,
        'dev',
        'eth0',
        ...(what === 'add' ? ['nodad'] : []),
      ]);
    }
  };
  await change('add');
  await pooled(one, scene);
  const at = (number: number) => [`${underlay.prefix4}.${number}`, `${underlay.prefix6}${number}`] as const;
  const addressesOf = async (name: string) => {
    const container = await one.host.docker.runContainer({ name, network: 'lan' });
    const { IPAddress, GlobalIPv6Address } = await container.endpoint();
    return [IPAddress, GlobalIPv6Address];
  };
  t.same(await addressesOf('ann'), at(5));
  const conflicts = (await shown(one, scene)).filter(({ kind }) => kind === 'conflict');
  t.match(
    conflicts,
    await Promise.all(places.map(async ({ machine, ip }) => ({ address: ip, mac: await macOf(machine) }))),
  );
  t.same(
    conflicts.map(({ name }) => name),
    [undefined, undefined, 'eth0'],
    'the host itself is told from others',
  );
  const { stdout } = await one.host
    .weft(['events', '--since', '1h', '--no-follow', '--json'])
    .catch(() => ({ stdout: '' }));
  t.match(stdout, 'address.conflict');
  await one.weftd.stop();
  one.weftd = await one.host.startWeftd(['--ui', 'off', '--metrics', 'off']);
  await one.weftd.waitReady();
  const still = (await shown(one, scene)).filter(({ kind }) => kind === 'conflict');
  t.same(still, conflicts, 'set aside over a restart');
  await change('del');
  t.same(await addressesOf('bob'), at(6));
  // What comes next has been asked about ahead, and was free then.
  await sleep(1000);
  const [taken, taken6] = at(7);
  await lan.exec(['ip', 'addr', 'add', `${taken}/24`, 'dev', 'eth0']);
  await lan.exec(['ip', 'addr', 'add', `${taken6}/64`, 'dev', 'eth0', 'nodad']);
  t.same(await addressesOf('cid'), at(8), 'one taken a moment ago is passed over');
  await lan.exec(['ip', 'addr', 'del', `${taken}/24`, 'dev', 'eth0']);
  await lan.exec(['ip', 'addr', 'del', `${taken6}/64`, 'dev', 'eth0']);
}

async function refused(t: Test, scene: LanScene): Promise<void> {
  const { one, lan } = scene;
  const theirs = await macOf(lan);
  const start = (spec: { readonly ip?: string; readonly ip6?: string }) =>
    one.host.docker.runContainer({ network: 'lan', ...spec }).then(
      () => 'started',
      (error: unknown) => {
        if (error instanceof EngineRefused) return error.message;
        throw error;
      },
    );
  for (const ipam of ['weft', 'default']) {
    await (ipam === 'weft' ? pooled(one, scene) : scene.network(one, { name: 'lan' }));
    t.match(
      await start({ ip: lan.ip }),
      new RegExp(`address ${lan.ip}.* is in use on the LAN.* by ${theirs}`),
      ipam,
    );
    t.match(await start({ ip6: lan.ip6 }), `by ${theirs}`, `${ipam}, IPv6`);
    t.equal(await start(scene.takeAddress()), 'started', `${ipam}: a free one`);
    await scene.clear();
  }
}

/** Docker repeats the call that weftd died in without its arguments, so that the start may be refused. */
async function killed(t: Test, scene: LanScene): Promise<void> {
  const { one } = scene;
  await pooled(one, scene);
  const given = async () =>
    (await shown(one, scene)).flatMap(({ kind, address }) => (kind === 'endpoint' ? [address] : []));
  for (const afterMs of [100, 300, 500]) {
    const running = one.host.docker.runContainer({ network: 'lan' }).catch((error: unknown) => {
      if (!(error instanceof EngineRefused)) throw error;
    });
    await sleep(afterMs);
    await one.weftd.stop('SIGKILL');
    one.weftd = await one.host.startWeftd(['--ui', 'off', '--metrics', 'off', '--gc-grace', '3s']);
    await one.weftd.waitReady();
    const container = await running;
    const has = container === undefined ? [] : [(await container.endpoint()).IPAddress];
    // Engine 20.10 forgets the IPv4 address when it is refused the IPv6 one: garbage collection frees that.
    await until('addresses are those of containers', async () => `${await given()}` === `${has}`);
    t.pass(`killed after ${afterMs} ms: ${has.length} container, and its address alone is held`);
    const next = await one.host.docker.runContainer({ network: 'lan' });
    t.same(await given(), [...has, (await next.endpoint()).IPAddress].sort(), 'the next one starts');
    await next.remove();
    await container?.remove();
  }
}

/** Another machine that believed in another MAC believes the container's, without having asked. */
async function announced(t: Test, scene: LanScene): Promise<void> {
  const { one, lan } = scene;
  await scene.network(one, { name: 'lan' });
  const address = scene.takeAddress();
  for (const ip of [address.ip, address.ip6]) {
    await lan.exec([
      'ip',
      'neigh',
      'replace',
      ip,
      'dev',
      'eth0',
      'lladdr',
      '02:00:00:00:00:01',
      'nud',
      'stale',
    ]);
  }
  const container = await one.host.docker.runContainer({ network: 'lan', ...address });
  const { MacAddress: mac } = await container.endpoint();
  for (const ip of [address.ip, address.ip6]) {
    await until(`${ip} is believed to be at ${mac}`, async () =>
      (await lan.exec(['ip', 'neigh', 'show', ip, 'dev', 'eth0'])).includes(mac),
    );
    t.pass(ip);
  }
}

export const addresses: LanSuite = {
  'addresses of others are passed over, shown, and remembered': passedOver,
  'an address of others that is asked for is refused with the holder’s MAC': refused,
  'weftd dies while it asks': killed,
  'a join is announced': announced,
};
