import type { Test } from 'tap';
import { until } from '../../lab/index.ts';
import { ask, cannotReach, pings, reaches } from '../bridge/probe.ts';
import type { Suite } from '../bridge/run-suite.ts';
import type { Scene } from '../bridge/scene.ts';
import { composeProject } from './compose-case.ts';
import { settled } from './settled.ts';

async function gatewaySwitch(t: Test, scene: Scene): Promise<void> {
  const { docker, lan } = scene;
  const [first, second] = [scene.takeSubnet(), scene.takeSubnet()];
  await scene.network('aa', { subnets: [first] });
  await scene.network('bb', { subnets: [second] });
  const container = await scene.server('duo', 'aa', { ports: ['8085:80'] });
  const gateway = async () =>
    (await container.netExec(['ip', '-j', '-4', 'route', 'show', 'default'])).match(
      /"gateway":"([\d.]+)"/,
    )?.[1];
  const published = (what: string) => reaches(t, lan, { ip: scene.host.ip, port: 8085, name: 'duo' }, what);
  const programmed = async () => {
    const ports = JSON.parse((await scene.host.weft(['port', 'ls', '--json'])).stdout) as {
      containerIp: string;
    }[];
    return new Set(ports.map(({ containerIp }) => containerIp.split('.').slice(0, 3).join('.')));
  };
  t.equal(await gateway(), `${first.base}.1`);
  await published('published on its only network');
  await docker.connect('bb', container);
  t.equal(await gateway(), `${first.base}.1`, 'the gateway stays with the first name');
  await published('still published');
  t.same(await programmed(), new Set([first.base]), 'on one network');
  await docker.disconnect('aa', container);
  t.equal(await gateway(), `${second.base}.1`, 'disconnected, the other network is the gateway');
  await published('and has the port');
  t.same(await programmed(), new Set([second.base]));
  await docker.connect('aa', container);
  const now = await gateway();
  t.ok(now === `${first.base}.1` || now === `${second.base}.1`, `connected again: ${now}`);
  await published('published whichever it is');
  t.same(await programmed(), new Set([now?.replace(/\.1$/, '')]), 'on the network of the gateway only');
}

async function reconnect(t: Test, scene: Scene): Promise<void> {
  const { docker, host } = scene;
  const subnet = scene.takeSubnet();
  await scene.network('re', { subnets: [subnet] });
  const a = await scene.server('ann', 're');
  const b = await scene.client('bob', 're');
  const old = (await a.endpoint()).IPAddress;
  await reaches(t, b, { ip: old, name: 'ann' }, 'before');
  const idle = await settled(host);
  await docker.disconnect('re', a);
  t.notMatch(await a.netExec(['ip', '-o', 'link']), /eth\d/, 'its link has gone');
  await cannotReach(t, b, { ip: old }, 'it is not reached');
  for (let i = 0; i < 5; i++) {
    const ip = i === 2 ? `${subnet.base}.77` : undefined;
    await docker.connect('re', a, { aliases: [`again${i}`], ...(ip === undefined ? {} : { ip }) });
    const at = (await a.endpoint('re')).IPAddress;
    if (ip !== undefined) t.equal(at, ip, 'with the address asked for');
    await reaches(t, b, { ip: at, name: 'ann' }, `connected again, ${i}`);
    t.match(await b.exec(['ping', '-c', '1', '-W', '2', `again${i}`]), at, 'by its new alias');
    if (i < 4) await docker.disconnect('re', a);
  }
  const like = async () => (await host.leaks()).length === idle.length;
  await until('links are deleted', like).catch(() => undefined);
  const now = await host.leaks();
  t.equal(now.length, idle.length, 'as many things on the host as at first', { found: now, wanted: idle });
}

async function notDisplayed(t: Test, scene: Scene): Promise<void> {
  const { host, lan } = scene;
  await scene.network('pub');
  const web = await scene.server('web', 'pub', { ports: ['8087:80', ':81'] });
  await reaches(t, lan, { ip: host.ip, port: 8087, name: 'web' }, '-p is reached from the LAN');
  await reaches(t, lan, { ip: host.ip6, port: 8087, name: 'web' }, 'over IPv6 too');
  await reaches(t, host, { ip: '127.0.0.1', port: 8087, name: 'web' }, 'and from the host');
  const { Ports } = (await web.inspect()).NetworkSettings;
  t.same(
    Object.values(Ports).flatMap((bindings) => bindings ?? []),
    [],
    'Docker does not show it',
  );
  t.notMatch((await host.dockerCli(['ps'])).stdout, /8087/);
  const shown = JSON.parse((await host.weft(['port', 'ls', '--json'])).stdout) as {
    hostPort: number;
    containerPort: number;
    ephemeral: boolean;
  }[];
  t.match(
    shown.find(({ containerPort }) => containerPort === 80),
    { hostPort: 8087, ephemeral: false },
    'weft does',
  );
  const chosen = shown.find(({ containerPort }) => containerPort === 81);
  t.equal(chosen?.ephemeral, true, 'and says which port it chose');
  await reaches(t, lan, { ip: host.ip, port: chosen?.hostPort ?? 0, name: 'web' }, 'which is reached');
}

async function names(t: Test, scene: Scene): Promise<void> {
  await scene.network('dns');
  await scene.network('other');
  const a = await scene.client('ann', 'dns');
  const b = await scene.server('bob', 'dns', { aliases: ['bee', 'b.example'] });
  await scene.client('eve', 'other');
  const at = (await b.endpoint()).IPAddress;
  for (const name of ['bob', 'bee', 'b.example', 'bob.dns', b.id.slice(0, 12)]) {
    t.match(await a.exec(['ping', '-c', '1', '-W', '2', name]), at, name);
  }
  t.match(await a.exec(['nslookup', at, '127.0.0.11']), /bob\.dns/, 'reverse');
  t.not((await a.tryExec(['nslookup', 'eve', '127.0.0.11'])).code, 0, 'not a name of another network');
  await b.restart();
  const later = (await b.endpoint()).IPAddress;
  await until('it answers by name again', () => pings(a, later));
  t.match(await a.exec(['ping', '-c', '1', '-W', '2', 'bob']), later, 'after a restart');
  await b.remove();
  t.not((await a.tryExec(['nslookup', 'bob', '127.0.0.11'])).code, 0, 'gone with the container');
  t.equal(await ask(a, later), undefined);
}

/** The whole-engine cases that need no fault; those with faults are in test/system/faults. */
export const engineCases: Suite = {
  tests: {
    'E5 dual network container gateway switch': gatewaySwitch,
    'E6 disconnect/connect running container': reconnect,
    'E7 -p reachable though not displayed': notDisplayed,
    'E8 DNS names': names,
    'docker-compose: two services, up, curl, down, nothing left': composeProject,
  },
};
