import '../support/own-namespace.ts';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import type { Cidr, Ip } from '../../core/address.ts';
import type { DoctorFinding } from '../../core/control.ts';
import { creations } from '../../core/diff.ts';
import type { NetworkId } from '../../core/ids.ts';
import type { Network, NetworkRequest } from '../../core/model.ts';
import { linkName } from '../../core/names.ts';
import { type DoctorParts, runDoctor } from '../../daemon/doctor/index.ts';
import { hostPlan } from '../../daemon/reconcile/index.ts';
import { Repository } from '../../daemon/state/index.ts';
import { drivers } from '../../drivers/index.ts';
import { openForwardAccept, openLinuxKernel } from '../../kernel/index.ts';
import { MemoryStore } from '../fakes/memory-store.ts';

t.setTimeout(120_000);

const sh = (script: string): string =>
  execFileSync('sh', ['-ec', script], { encoding: 'utf8', stdio: 'pipe' });
const find = (findings: readonly DoctorFinding[], id: string) => findings.filter((each) => each.id === id);
const levels = (findings: readonly DoctorFinding[], id: string) =>
  find(findings, id).map(({ level }) => level);
/** The commands of a remedy, without the words around them. */
const commands = (finding: DoctorFinding | undefined): string =>
  (finding?.remedy ?? 'false').replace(/^weft.*?: /, '').replace(/, and set it so.*$/, '');

const ID = 'd'.repeat(64) as NetworkId;
const BRIDGE = linkName('wb', ID);

function bridgeNetwork(): Network {
  const request: NetworkRequest = {
    id: ID,
    internal: false,
    enableIpv4: true,
    enableIpv6: true,
    options: {},
    ipv4: [{ pool: '198.18.1.0/24' as Cidr, gateway: { ip: '198.18.1.1' as Ip, prefix: 24 }, aux: {} }],
    ipv6: [{ pool: 'fd00:1::/64' as Cidr, gateway: { ip: 'fd00:1::1' as Ip, prefix: 64 }, aux: {} }],
  };
  const driver = drivers.get('weft-bridge');
  const options = driver?.parseNetwork(request, { foreignLinks: new Map() }, []);
  return { driver: 'weft-bridge', request, options, createdAt: Date.now() };
}

/** A host with an uplink and one network, as weftd makes it. */
async function healthyHost(pluginDir: string): Promise<AsyncDisposable & { readonly parts: DoctorParts }> {
  await using stack = new AsyncDisposableStack();
  sh(`ip link add up0 type veth peer name far0; ip link set up0 up; ip link set far0 up
      ip addr add 192.0.2.2/24 dev up0; ip route add default via 192.0.2.1`);
  const kernel = stack.use(await openLinuxKernel({ log: () => undefined }));
  const repository = await Repository.load(new MemoryStore());
  const network = bridgeNetwork();
  await repository.putNetwork(network);
  const plan = [...hostPlan({ ipv6: true }), ...(drivers.get('weft-bridge')?.planNetwork(network) ?? [])];
  await kernel.apply(creations(plan));
  for (const name of ['weft', ...drivers.keys()]) {
    const server = createServer().listen(join(pluginDir, `${name}.sock`));
    await once(server, 'listening');
    stack.defer(() => void server.close());
  }
  const running = stack.move();
  return {
    parts: {
      config: { pluginDir, docker: 'none', gcGraceMs: 60_000 },
      kernel,
      repository,
      engine: undefined,
      ownBridges: () => new Set([BRIDGE]),
      problems: [],
      ipam: [{ id: 'local/198.18.1.0/24', used: 1, resting: 0, conflicts: 0, usable: 253 }],
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

t.test('a host is examined', async (t) => {
  const pluginDir = t.testdir();
  await using host = await healthyHost(pluginDir);
  const examine = () => runDoctor(host.parts);

  await t.test('nothing is found on a healthy one', async (t) => {
    const before = sh('nft list ruleset; ip addr; sysctl -a 2>/dev/null | grep forwarding');
    const findings = await examine();
    const bad = findings.filter(({ level }) => level === 'fail' || level === 'warn');
    t.same(
      bad.map(({ id, title }) => [id, title]),
      // Its sysctls exist in the first network namespace only, and this is another.
      [['neighbour-table', 'Could not check the size of the neighbour tables']],
    );
    for (const id of [
      'kernel',
      'ip-forward',
      'forward-rules',
      'plugin-sockets',
      'bridges',
      'mtu',
      'subnet-routes',
    ]) {
      t.same(levels(findings, id).slice(0, 1), ['ok'], id);
    }
    t.match(
      find(findings, 'kernel')[0]?.detail,
      /veth pairs: in use.*table ip6 weft is there.*conntrack netlink/s,
    );
    t.same(levels(findings, 'docker'), ['info']);
    t.equal(
      sh('nft list ruleset; ip addr; sysctl -a 2>/dev/null | grep forwarding'),
      before,
      'and nothing changes',
    );
  });

  /** Faults that the remedy of their finding mends, word for word. */
  const MENDED: readonly (readonly [fault: string, id: string, level: string])[] = [
    ['sysctl -qw net.ipv4.ip_forward=0', 'ip-forward', 'fail'],
    ['sysctl -qw net.ipv6.conf.all.forwarding=0', 'ip-forward', 'fail'],
    ['iptables-nft -P FORWARD DROP', 'forward-rules', 'fail'],
    ['ip6tables-nft -P FORWARD DROP', 'forward-rules', 'fail'],
    [
      'nft "add table inet f; add chain inet f pass { type filter hook forward priority 10; policy drop; }"',
      'forward-rules',
      'fail',
    ],
    [
      'nft "add table ip f; add chain ip f pass { type filter hook forward priority 0; }; add rule ip f pass ct state established,related accept; add rule ip f pass iifname lo accept; add rule ip f pass reject"',
      'forward-rules',
      'fail',
    ],
    [`ip link add ${linkName('wb', 'nobody')} type bridge`, 'stray-links', 'warn'],
    [`ip link add lost0 type bridge; ip link set lost0 alias weft:weft-bridge:gone`, 'stray-links', 'warn'],
  ];
  for (const [fault, id, level] of MENDED) {
    await t.test(`${fault.slice(0, 60)} is found, and its remedy mends it`, async (t) => {
      sh(fault);
      const [finding, ...more] = find(await examine(), id);
      t.match(finding, { level });
      t.same(more, []);
      sh(
        commands(finding)
          .replaceAll('iptables -', 'iptables-nft -')
          .replaceAll('ip6tables -', 'ip6tables-nft -'),
      );
      t.same(levels(await examine(), id), ['ok'], commands(finding));
    });
  }

  /** Faults with what takes them back, because the remedy is not one command. */
  const UNDONE: readonly (readonly [fault: string, undo: string, id: string, level: string, said: RegExp])[] =
    [
      [`ip link set ${BRIDGE} down`, `ip link set ${BRIDGE} up`, 'bridges', 'fail', /is down/],
      [
        'ip link set up0 mtu 1400',
        'ip link set up0 mtu 1500',
        'mtu',
        'warn',
        /1500, more than the 1400 of up0/,
      ],
      [
        'ip route add 198.18.1.128/26 dev up0',
        'ip route del 198.18.1.128/26',
        'subnet-routes',
        'warn',
        /198\.18\.1\.128\/26/,
      ],
      [
        'ip route add fd00::/16 dev up0',
        'ip route del fd00::/16 dev up0',
        'subnet-routes',
        'warn',
        /fd00:1::\/64/,
      ],
      [
        'nft "add table inet g; add chain inet g pass { type filter hook forward priority 5; policy drop; }; add rule inet g pass ip saddr 198.18.0.0/15 accept"',
        'nft delete table inet g',
        'forward-rules',
        'warn',
        /may drop/,
      ],
      [
        'nft "add table inet firewalld; add chain inet firewalld F { type filter hook forward priority 10; }; add rule inet firewalld F reject with icmpx admin-prohibited"',
        'nft delete table inet firewalld',
        'forward-rules',
        'fail',
        /inet firewalld F/,
      ],
      [
        'sysctl -qw net.ipv4.conf.all.rp_filter=1',
        'sysctl -qw net.ipv4.conf.all.rp_filter=0',
        'rp-filter',
        'info',
        /up0/,
      ],
    ];
  for (const [fault, undo, id, level, said] of UNDONE) {
    await t.test(`${fault.slice(0, 60)} is found`, async (t) => {
      sh(fault);
      t.teardown(() => void sh(undo));
      const findings = find(await examine(), id);
      t.ok(
        findings.some((each) => each.level === level && said.test(each.title + each.detail)),
        JSON.stringify(findings),
      );
    });
  }

  await t.test('firewalld is named', async (t) => {
    sh(
      'nft "add table inet firewalld; add chain inet firewalld F { type filter hook forward priority 10; }"',
    );
    t.teardown(() => void sh('nft delete table inet firewalld'));
    t.match(find(await examine(), 'firewall-manager')[0], { level: 'info', remedy: /--zone=trusted/ });
  });

  await t.test(
    'FORWARD of dockerd with the rules of weft is well, until something comes before them',
    async (t) => {
      sh(`for i in iptables-nft ip6tables-nft; do
          $i -F FORWARD; $i -N DOCKER-USER; $i -A DOCKER-USER -j RETURN
          $i -A FORWARD -j DOCKER-USER; $i -A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
          $i -P FORWARD DROP
        done`);
      t.same(levels(await examine(), 'forward-rules'), ['fail', 'fail'], 'only answers pass');
      await using accept = await openForwardAccept();
      await accept.ensure([]);
      t.same(levels(await examine(), 'forward-rules'), ['ok']);
      sh('iptables-nft -I DOCKER-USER -j DROP');
      const [own] = find(await examine(), 'forward-rules');
      t.match(own, {
        level: 'fail',
        detail: /by a rule in DOCKER-USER/,
        remedy: /-I DOCKER-USER -i wb-\+ -j ACCEPT/,
      });
      sh('iptables-nft -D DOCKER-USER -j DROP; iptables-nft -I FORWARD -j REJECT');
      const [finding] = find(await examine(), 'forward-rules');
      t.match(finding, { level: 'fail', remedy: /DOCKER-USER/ });
      sh(commands(finding).replaceAll('iptables -', 'iptables-nft -'));
      t.same(levels(await examine(), 'forward-rules'), ['ok'], 'the remedy puts them first again');
    },
  );

  await t.test('tables of iptables-legacy are named', async (t) => {
    t.same(levels(await examine(), 'legacy-iptables'), ['ok']);
    sh('iptables-legacy -A FORWARD -j ACCEPT');
    t.match(find(await examine(), 'legacy-iptables'), [{ level: 'info', detail: 'iptables-legacy: filter' }]);
  });

  await t.test('a plugin socket that nobody answers is found', async (t) => {
    writeFileSync(join(pluginDir, 'gone.sock'), '');
    t.match(find(await examine(), 'plugin-sockets'), [
      { level: 'warn', remedy: new RegExp(`rm ${pluginDir}/gone\\.sock`) },
    ]);
  });

  await t.test('what weft has lost is found', async (t) => {
    sh(`nft delete table ip6 weft; ip link del ${BRIDGE}`);
    const findings = await examine();
    t.match(find(findings, 'kernel'), [{ level: 'warn', detail: 'table ip6 weft is missing' }]);
    t.match(find(findings, 'bridges'), [{ level: 'fail', title: /is missing/ }]);
  });

  await t.test('a check that cannot be made says why, and the others are made', async (t) => {
    const engine = {
      version: async () => '28.1.0',
      networks: () => Promise.reject(new Error('the API is busy')),
      container: async () => undefined,
      labelled: async () => [],
    };
    const findings = await runDoctor({
      ...host.parts,
      engine,
      config: { ...host.parts.config, pluginDir: '/none' },
    });
    for (const id of ['docker-records', 'docker-subnets']) {
      t.match(find(findings, id), [{ level: 'warn', title: /^Could not check/, detail: 'the API is busy' }]);
    }
    t.match(find(findings, 'plugin-sockets'), [{ level: 'warn', detail: /ENOENT/ }]);
    t.match(find(findings, 'docker'), [{ level: 'ok', title: 'Docker 28.1.0 answers' }]);
  });
});
