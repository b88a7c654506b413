import { readFileSync } from 'node:fs';
import type { Test } from 'tap';
import type { ServiceDetail } from '../../../core/control.ts';
import { type Container, EngineRefused, type LabProcess, type NetworkSpec, until } from '../../lab/index.ts';
import { ask, reaches, serverCommand } from '../bridge/probe.ts';
import { dnsmasq, readLeases, type ServedLease } from './dhcp-lab.ts';
import type { LanScene } from './lan-scene.ts';
import type { LanSuite } from './run-suite.ts';

const LOG = '/run/dhcp.log';
const LEASES = '/run/dhcp.leases';

/** dnsmasq on the LAN's other machine, and the network of the first host whose addresses it gives. */
class DhcpScene implements AsyncDisposable {
  readonly scene: LanScene;
  #server: LabProcess | undefined;

  constructor(scene: LanScene) {
    this.scene = scene;
  }

  /** Gives addresses from `first` to `last`, by their last numbers, from now on; earlier leases are known. */
  async serve(first: number, last: number, ...options: readonly string[]): Promise<void> {
    await this.stopServer();
    const { lan, underlay } = this.scene;
    const range = `--dhcp-range=${underlay.prefix4}.${first},${underlay.prefix4}.${last},255.255.255.0,2m`;
    const files = { device: 'eth0', log: LOG, leases: LEASES };
    this.#server = await lan.spawn(dnsmasq(files, range, ...options));
    await until('it serves', async () => (await lan.exec(['ss', '-Hlun', 'sport = 67'])).includes(':67'));
  }

  async stopServer(): Promise<void> {
    await this.#server?.stop();
    this.#server = undefined;
  }

  leases(): readonly ServedLease[] {
    return readLeases(this.#read(LEASES));
  }

  /** How often the server says that it got or sent a message: `DHCPACK`, … */
  count(message: string): number {
    return this.#read(LOG)
      .split('\n')
      .filter((line) => line.includes(`${message}(eth0)`)).length;
  }

  /** The server's lease of an address, once it is as it is to be. */
  lease(ip: string, isSo: (lease: ServedLease) => boolean = () => true): Promise<ServedLease> {
    return until(
      `a lease of ${ip}`,
      () => this.leases().find((lease) => lease.ip === ip && isSo(lease)),
      // Engines before 29 tell a container's name afterwards; weft looks every 10 s.
      { timeoutMs: 25_000 },
    );
  }

  async givenBack(ip: string): Promise<boolean> {
    return until(`${ip} is given back`, () => !this.leases().some((lease) => lease.ip === ip));
  }

  async network(spec: Partial<NetworkSpec> = {}, ipRange?: string): Promise<void> {
    const { prefix4, prefix6 } = this.scene.underlay;
    await this.scene.network(this.scene.one, {
      name: 'lan',
      ipamDriver: 'weft',
      ipamOptions: { 'weft.parent': 'eth0' },
      subnets: [
        { subnet: `${prefix4}.0/24`, gateway: `${prefix4}.1`, ...(ipRange === undefined ? {} : { ipRange }) },
        { subnet: `${prefix6}/64`, gateway: `${prefix6}1` },
      ],
      ...spec,
      options: { 'weft.dhcp': 'true', ...spec.options },
    });
  }

  /** Starts a container that answers with its name. */
  run(
    name: string,
    spec: {
      readonly ip?: string;
      readonly mac?: string;
      readonly labels?: Readonly<Record<string, string>>;
    } = {},
  ): Promise<Container> {
    const { docker } = this.scene.one.host;
    return docker.runContainer({ name, network: 'lan', cmd: serverCommand(), env: { NAME: name }, ...spec });
  }

  /** What `docker run` says. */
  async refusal(name: string, spec: Parameters<DhcpScene['run']>[1] = {}): Promise<string> {
    try {
      await this.run(name, spec);
      return 'started';
    } catch (error) {
      if (error instanceof EngineRefused) return error.message;
      throw error;
    }
  }

  async startWeftd(): Promise<void> {
    const { one } = this.scene;
    one.weftd = await one.host.startWeftd(['--ui', 'off', '--metrics', 'off']);
    await one.weftd.waitReady();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.scene.clear();
    await this.stopServer();
    await this.scene.lan.exec(['rm', '-f', LOG, LEASES]);
  }

  #read(file: string): string {
    try {
      return readFileSync(this.scene.lan.path(file), 'utf8');
    } catch {
      // Nothing has been written yet.
      return '';
    }
  }
}

async function addressOf(container: Container): Promise<{ readonly ip: string; readonly mac: string }> {
  const { IPAddress: ip, MacAddress: mac } = await container.endpoint();
  return { ip, mac };
}

async function lives(t: Test, scene: LanScene): Promise<void> {
  await using dhcp = new DhcpScene(scene);
  const { one, lan, underlay } = scene;
  await dhcp.serve(100, 150);
  await dhcp.network({}, `${underlay.prefix4}.248/29`);
  t.same(dhcp.leases(), [], 'neither gateway nor network is asked for');
  const container = await dhcp.run('ann');
  const { ip, mac } = await addressOf(container);
  t.match(
    ip,
    new RegExp(`^${underlay.prefix4.replaceAll('.', '\\.')}\\.1[0-5]\\d$`),
    'of the server’s choice',
  );
  const given = await dhcp.lease(ip);
  t.equal(given.mac, mac, 'Docker knows the MAC of the lease');
  const [link] = JSON.parse(await container.netExec(['ip', '-j', 'address', 'show', 'eth0']));
  t.equal(link.address, mac, 'and the container has it');
  const addresses = link.addr_info.map(({ local }: { readonly local: string }) => local);
  t.ok(addresses.includes(ip), 'with the address');
  t.match((await container.endpoint()).GlobalIPv6Address, underlay.prefix6, 'IPv6 is weft’s own');
  await reaches(t, lan, { ip, name: 'ann', peer: lan.ip }, 'the LAN reaches it');
  await reaches(t, container, { ip: lan.ip, name: 'lan', peer: ip }, 'and it the LAN');
  t.equal((await dhcp.lease(ip, ({ name }) => name === 'ann')).name, 'ann', 'the server knows its name');
  const asked = dhcp.count('DHCPDISCOVER');
  await one.weftd.stop();
  await dhcp.startWeftd();
  await one.weftd.kill9();
  await dhcp.startWeftd();
  t.equal((await dhcp.lease(ip)).mac, mac, 'the lease stays while weftd restarts, and is killed');
  t.equal(dhcp.count('DHCPDISCOVER'), asked, 'nothing is asked for anew');
  // Leases are renewed at their half.
  const { expires } = await dhcp.lease(ip);
  const renewed = await until(
    'the lease is renewed',
    () => dhcp.leases().find((lease) => lease.ip === ip && lease.expires > expires),
    { timeoutMs: 75_000 },
  );
  t.same([renewed.mac, renewed.name], [mac, 'ann'], 'it is renewed as it was');
  await container.remove();
  t.ok(await dhcp.givenBack(ip), 'a container that is removed gives its address back');
}

async function asked(t: Test, scene: LanScene): Promise<void> {
  await using dhcp = new DhcpScene(scene);
  const { prefix4 } = scene.underlay;
  await dhcp.serve(100, 150);
  await dhcp.network();
  const fixed = await dhcp.run('fix', { ip: `${prefix4}.140` });
  t.equal((await addressOf(fixed)).ip, `${prefix4}.140`);
  t.equal(
    (await dhcp.lease(`${prefix4}.140`)).mac,
    (await addressOf(fixed)).mac,
    'a fixed one is leased too',
  );
  t.match(
    await dhcp.refusal('out', { ip: `${prefix4}.160` }),
    `and not ${prefix4}.160`,
    'if the server gives it',
  );
  const mac = '02:42:00:00:09:09';
  const own = await dhcp.run('own', { mac });
  const { ip } = await addressOf(own);
  t.equal((await addressOf(own)).mac, mac);
  t.equal(
    (await dhcp.lease(ip, (lease) => lease.mac === mac)).ip,
    ip,
    'the server is told a MAC that is chosen',
  );
  await reaches(t, scene.lan, { ip, name: 'own' }, 'which the LAN reaches');
  await own.restart();
  const again = await addressOf(own);
  t.equal(
    (await dhcp.lease(again.ip, (lease) => lease.mac === mac)).ip,
    again.ip,
    'a restarted one is leased',
  );
  await until('no other lease is left', () => dhcp.leases().length === 2);
  t.same(
    dhcp
      .leases()
      .map((lease) => lease.ip)
      .sort(),
    [again.ip, `${prefix4}.140`].sort(),
  );
}

async function conflicts(t: Test, scene: LanScene): Promise<void> {
  await using dhcp = new DhcpScene(scene);
  const { one, two, underlay } = scene;
  const [theirs, free] = [`${underlay.prefix4}.100`, `${underlay.prefix4}.101`];
  await two.host.exec(['ip', 'addr', 'add', `${theirs}/24`, 'dev', 'eth0']);
  const [{ address }] = JSON.parse(await two.host.exec(['ip', '-j', 'link', 'show', 'eth0']));
  await dhcp.serve(100, 100);
  await dhcp.network();
  t.match(await dhcp.refusal('ann'), `address ${theirs} is used by ${address} on the LAN of eth0`);
  t.ok(dhcp.count('DHCPDECLINE') > 0, 'the server is told');
  const { stdout } = await one.host.weft(['events', '--since', '1h', '--no-follow', '--json']);
  t.match(stdout, 'dhcp.conflict', 'and so is who looks at events');
  await dhcp.serve(100, 101);
  t.equal((await addressOf(await dhcp.run('ann'))).ip, free, 'the next one is taken where there is one');
  await two.host.exec(['ip', 'addr', 'del', `${theirs}/24`, 'dev', 'eth0']);
}

/** The server knows nothing of virtual IPs: what it gives of them is declined. */
async function virtualIps(t: Test, scene: LanScene): Promise<void> {
  await using dhcp = new DhcpScene(scene);
  const { one, underlay } = scene;
  const { prefix4 } = underlay;
  await dhcp.serve(100, 101);
  await dhcp.network({}, `${prefix4}.100/30`);
  const shop = { labels: { 'weft.service': 'shop' } };
  const a = await dhcp.run('ann', shop);
  const { ip } = await addressOf(a);
  const { vip4 = '' } = await until('the service is made', async () => {
    const { stdout } = await one.host.weft(['service', 'inspect', 'shop', '--json']);
    return stdout !== '' && (JSON.parse(stdout) as ServiceDetail);
  });
  t.same([ip, vip4].sort(), [`${prefix4}.100`, `${prefix4}.101`], 'the virtual IP is of --ip-range');
  t.match(await until('it answers', () => ask(a, vip4)), { name: 'ann' }, 'a virtual IP beside DHCP');
  t.match(await dhcp.refusal('bob', shop), `address ${vip4} is used by service shop, as its virtual IP`);
  await dhcp.serve(100, 102);
  t.equal((await addressOf(await dhcp.run('bob', shop))).ip, `${prefix4}.102`, 'the next one is taken');
}

async function refusals(t: Test, scene: LanScene): Promise<void> {
  await using dhcp = new DhcpScene(scene);
  const { prefix4 } = scene.underlay;
  const refusal = (spec: Partial<NetworkSpec>) =>
    dhcp.network(spec).then(
      () => 'accepted',
      (error: unknown) => {
        if (error instanceof EngineRefused) return error.message;
        throw error;
      },
    );
  t.match(
    await refusal({ ipamDriver: 'default', ipamOptions: {} }),
    `weft.dhcp is true: the addresses of subnet ${prefix4}.0/24 are given by another IPAM driver`,
    'Docker’s own IPAM',
  );
  t.match(await refusal({ options: { macvlan_mode: 'passthru' } }), /weft\.dhcp is true: in mode "passthru"/);
  t.match(await refusal({ options: { parent: '' } }), /a network without a parent is on no LAN/);
  t.match(await refusal({ driver: 'weft-ipvlan' }), /weft-ipvlan has no option "weft\.dhcp"/);
  await dhcp.network();
  t.match(await dhcp.refusal('ann'), /no DHCP server answers on eth0 within 10 s/, 'nobody answers');
  await dhcp.serve(100, 150);
  t.equal(await dhcp.refusal('ann'), 'started', 'somebody does');
}

export const dhcp: LanSuite = {
  'a container has the address that the server chose': lives,
  'fixed addresses and MACs': asked,
  'an address that somebody uses is declined': conflicts,
  'a virtual IP is nobody’s address': virtualIps,
  'what cannot be is refused with the reason': refusals,
};
