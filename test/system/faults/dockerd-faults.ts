import { copyFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { type EngineSeries, until } from '../../lab/index.ts';
import {
  answers,
  converged,
  type DockerdLab,
  GRACE,
  held,
  openDockerdLab,
  startDelayedWeftd,
  startWeftd,
  talkers,
  undisturbed,
} from './dockerd-lab.ts';

const NETWORK = { name: 'app', driver: 'weft-bridge', ipamDriver: 'weft' };
const ECHO = ['nc', '-ll', '-p', '80', '-e', 'cat'];

/** Everything that can be killed is killed, beside a real dockerd of one series. */
export function dockerdFaults(engine: EngineSeries): void {
  t.setTimeout(400_000);
  t.test(`Engine ${engine}: deaths of weftd and dockerd`, async (t) => {
    await using lab = await openDockerdLab(engine);
    await weftdDies(t, lab);
    await dockerdDies(t, lab);
    await backup(t, lab);
    await reboot(t, lab);
  });
  t.test(`Engine ${engine}: live-restore`, async (t) => {
    await using lab = await openDockerdLab(engine, true);
    await liveRestore(t, lab);
  });
}

/** dockerd is killed inside each call of the plugin protocol. */
export function dockerdDeathsInside(engine: EngineSeries): void {
  t.setTimeout(400_000);
  t.test(`Engine ${engine}: dockerd dies while weftd is at a call`, async (t) => {
    await using lab = await openDockerdLab(engine);
    const weftd = await startWeftd(lab.host);
    await lab.host.docker.createNetwork(NETWORK);
    await weftd.stop();
    for (const method of CALLS) await t.test(method, (t) => dockerdDiesInside(t, lab, method));
  });
}

async function weftdDies(t: Test, lab: DockerdLab): Promise<void> {
  const { host } = lab;
  let weftd = await startWeftd(host);
  await host.docker.createNetwork(NETWORK);
  const both = await talkers(host, 'app');
  await undisturbed(t, lab, both, async () => {
    for (let i = 0; i < 10; i++) {
      await weftd.kill9();
      weftd = await startWeftd(host);
    }
    const late = await host.docker.runContainer({ name: 'late', network: 'app' });
    await late.remove();
  });
  await converged(host, 'app');
  t.pass('ten deaths of weftd leave nothing, and containers start after them');
  await both.server.remove();
  await both.peer.remove();
  await weftd.stop();
}

/** How much is shown of what dockerd says when it does not do what it should. */
const SHOWN_LINES = 60;

/** Without live-restore dockerd ends the containers at its next start and starts those that are to run always. */
async function dockerdDies(t: Test, { host, machine }: DockerdLab): Promise<void> {
  const weftd = await startWeftd(host);
  await host.docker.createNetwork({ ...NETWORK, name: 'plain', ipamDriver: 'default' });
  await host.docker.runContainer({ name: 'mortal', network: 'app' });
  for (const [i, network] of ['app', 'plain'].entries()) {
    const spec = { network, ports: [`${8080 + i}:80`], restart: 'always', cmd: ECHO } as const;
    await host.docker.runContainer({ name: `always-${network}`, ...spec });
  }
  await host.killDockerd9();
  await host.startDockerd();
  for (const [i, network] of ['app', 'plain'].entries()) {
    const container = await host.docker.container(`always-${network}`);
    const runs = async () => (await container.inspect()).State.Running;
    await until(`${container.name} runs again`, runs, { timeoutMs: 30_000 }).catch((error: unknown) => {
      t.comment(host.dockerdLog.slice(-SHOWN_LINES).join('\n'));
      throw error;
    });
    await answers(machine, host, 8080 + i);
    t.pass(`after the death of dockerd ${container.name} has its port again at once`);
  }
  await (await host.docker.container('mortal')).remove();
  await (await host.docker.container('always-plain')).remove();
  await host.docker.removeNetwork('plain');
  await converged(host, 'app');
  t.pass('what dockerd forgot is collected');
  await (await host.docker.container('always-app')).remove();
  await weftd.stop();
}

const CALLS = [
  'IpamDriver.RequestAddress',
  'NetworkDriver.CreateEndpoint',
  'NetworkDriver.Join',
  'NetworkDriver.ProgramExternalConnectivity',
  'NetworkDriver.Leave',
  'NetworkDriver.DeleteEndpoint',
  'IpamDriver.ReleaseAddress',
  'IpamDriver.RequestPool',
  'NetworkDriver.CreateNetwork',
  'NetworkDriver.DeleteNetwork',
] as const;

/** After its next start and the grace period there is what Docker knows and nothing else (protocol 6.1). */
async function dockerdDiesInside(
  t: Test,
  { host }: DockerdLab,
  method: (typeof CALLS)[number],
): Promise<void> {
  const weftd = await startDelayedWeftd(host, method, 600);
  const doing = provoke(host, method).catch(() => undefined);
  await weftd.line('the call', (line) => line.includes('"msg":"delayed"'));
  await host.killDockerd9();
  await doing;
  await host.startDockerd();
  for (const each of await host.docker.listContainers()) await each.remove();
  for (const { Name } of await host.docker.listNetworks()) {
    if (Name === 'other') await host.docker.removeNetwork('other');
  }
  await converged(host, 'app');
  await until(
    'weft has one network and one pool',
    async () => (await held(host, 'network')).length === 1 && (await held(host, 'ipam')).length === 1,
    { timeoutMs: 15_000, intervalMs: 250 },
  );
  t.same(await held(host, 'port'), [], 'all is clean after the grace period');
  t.equal(await weftd.stop(), 0);
}

/** Does what makes dockerd call a method. */
async function provoke(host: DockerdLab['host'], method: (typeof CALLS)[number]): Promise<void> {
  if (method.endsWith('Network') || method.endsWith('Pool')) {
    await host.docker.createNetwork({ ...NETWORK, name: 'other' });
    await host.docker.removeNetwork('other');
    return;
  }
  const container = await host.docker.runContainer({ name: 'victim', network: 'app', ports: ['8088:80'] });
  await container.remove();
}

/**
 * The store as it was before a network and its containers were made. What runs goes on; no address or port that is in
 * use is given again.
 */
async function backup(t: Test, lab: DockerdLab): Promise<void> {
  const { host } = lab;
  let weftd = await startWeftd(host);
  await host.docker.runContainer({ name: 'kept', network: 'app' });
  await weftd.stop();
  const folder = host.path(host.stateDir);
  const files = (await readdir(folder)).filter((name) => /^weft\.db/.test(name));
  for (const name of files) await copyFile(join(folder, name), join(folder, `old-${name}`));
  weftd = await startWeftd(host);
  const both = await talkers(host, 'app');
  const before = [(await both.server.endpoint()).IPAddress, (await both.peer.endpoint()).IPAddress];
  await undisturbed(t, lab, both, async () => {
    await weftd.stop();
    for (const name of await readdir(folder)) {
      if (/^weft\.db/.test(name)) await host.exec(['rm', join(host.stateDir, name)]);
    }
    for (const name of files) await copyFile(join(folder, `old-${name}`), join(folder, name));
    weftd = await startWeftd(host);
    const fresh = [];
    for (const name of ['fresh1', 'fresh2', 'fresh3']) {
      fresh.push(await host.docker.runContainer({ name, network: 'app' }));
    }
    const addresses = await Promise.all(fresh.map(async (each) => (await each.endpoint()).IPAddress));
    for (const address of addresses) t.notOk(before.includes(address), `${address} is nobody else's`);
    for (const each of fresh) await each.remove();
  });
  for (const each of await host.docker.listContainers()) await each.remove();
  await converged(host, 'app');
  t.pass('it converges');
  await weftd.stop();
}

async function reboot(t: Test, { host, machine }: DockerdLab): Promise<void> {
  let weftd = await startWeftd(host);
  const spec = { network: 'app', ports: ['8080:80'], restart: 'always', cmd: ECHO } as const;
  await host.docker.runContainer({ name: 'always', ...spec });
  await host.docker.runContainer({ name: 'once', network: 'app' });
  weftd = await host.rebootWithWeftd(GRACE);
  const always = await host.docker.container('always');
  await until('the container runs again', async () => (await always.inspect()).State.Running);
  // The lab's new boot has a new network card.
  await machine.exec(['ip', 'neighbour', 'flush', 'dev', 'eth0']);
  await answers(machine, host, 8080);
  await (await host.docker.container('once')).remove();
  await converged(host, 'app');
  t.pass('after a power failure the network is there, and the container with its port');
  await always.remove();
  await host.docker.removeNetwork('app');
  // Links go after the answer.
  await until('no link, route or element is left', async () => {
    const all = await host.exec(['sh', '-c', 'ip -o link; ip route; nft list ruleset']);
    return !/w[bvc]-[a-z2-7]{10}|10\.64\./.test(all);
  });
  await weftd.stop();
}

async function liveRestore(t: Test, lab: DockerdLab): Promise<void> {
  const { host } = lab;
  let weftd = await startWeftd(host);
  await host.docker.createNetwork(NETWORK);
  const both = await talkers(host, 'app');
  // As it starts, dockerd 28 takes the jump to DOCKER-USER out of FORWARD, whose policy is DROP, for some 25 ms.
  const mayLose = host.engine === '28.5' ? 5 : 0;
  const die = async (): Promise<void> => {
    await host.killDockerd9();
    await weftd.kill9();
    weftd = await startWeftd(host);
    await host.startDockerd();
    await converged(host, 'app');
  };
  await undisturbed(t, lab, both, die, mayLose);
  t.pass('containers outlive dockerd and weftd');
  await weftd.stop();
  // Each of up to four calls is tried for 15 s: longer than the API client waits.
  await host.dockerCli(['stop', '-t', '0', both.peer.name], { timeoutMs: 120_000 });
  weftd = await startWeftd(host);
  await both.peer.remove();
  // The one way to make these engines forget an endpoint they could not delete (protocol 6.1); 28 forgets by itself.
  await host.dockerCli(['network', 'disconnect', '-f', 'app', both.peer.name]);
  await converged(host, 'app');
  t.pass('a container stopped while weftd was down is collected');
  await both.server.remove();
  await host.docker.removeNetwork('app');
  await until('nothing is left', async () => (await held(host, 'network')).length === 0);
  t.same(await held(host, 'ipam'), []);
  await weftd.stop();
}
