import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import {
  CHECKOUT,
  createHost,
  createMachine,
  createUnderlay,
  ENGINES,
  type Host,
  type Machine,
  type Underlay,
  until,
} from '../lab/index.ts';

/** The process namespace of `pid`; undefined when it has ended. */
function pidNamespace(pid: number | string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return undefined;
  }
}

/** The processes, as this one numbers them, that live in any of the process namespaces. */
function processesIn(namespaces: readonly (string | undefined)[]): string[] {
  return readdirSync('/proc').filter((name) => {
    const namespace = /^\d+$/.test(name) ? pidNamespace(name) : undefined;
    return namespace !== undefined && namespaces.includes(namespace);
  });
}

/** Folders of the cgroup hierarchies whose name begins with `name`. */
function cgroupsOf(name: string): string[] {
  const root = '/sys/fs/cgroup';
  const hierarchies = existsSync(join(root, 'cgroup.controllers'))
    ? [root]
    : readdirSync(root).map((one) => join(root, one));
  return hierarchies.flatMap((one) => readdirSync(one).filter((folder) => folder.startsWith(name)));
}

/** Mounts of the machine's own namespace that a lab could have left. */
function labMounts(): string[] {
  const mine = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  return mine.filter((line) => /\/engines\/|\/run\/docker\/netns|\/mnt\/h\d/.test(line));
}

async function pings(from: Host | Machine, address: string): Promise<boolean> {
  return (await from.tryExec(['ping', '-n', '-c', '1', '-W', '5', address])).code === 0;
}

async function containersTalk(t: Test, host: Host, machine: Machine): Promise<void> {
  const server = await host.docker.runContainer({
    cmd: ['httpd', '-f', '-h', '/www'],
    ports: ['8080:80'],
  });
  const client = await host.docker.runContainer();
  const { IPAddress } = await server.endpoint();
  t.match(await client.exec(['ping', '-c', '1', '-w', '5', IPAddress]), / 0% packet loss/);
  t.equal(await client.exec(['wget', '-qO-', `http://${IPAddress}/`]), 'lab\n', 'the image serves and asks');
  t.match(await client.netExec(['ip', '-o', 'addr']), /inet 172\.17\.0\.3/, 'machine tools see the sandbox');
  const published = () => machine.exec(['curl', '-sSf', '-m', '5', `http://${host.ip}:8080/`]);
  t.equal(await until('the published port answers', published), 'lab\n', 'its port is reached from the LAN');
  t.equal((await client.tryExec(['sh', '-c', 'echo out; echo err >&2; exit 3'])).code, 3);
  await server.remove();
  await client.remove();
}

async function lanConnects(t: Test, hosts: readonly [Host, Host], machine: Machine): Promise<void> {
  const [one, two] = hosts;
  for (const [from, to] of [
    [one, two],
    [two, machine],
    [machine, one],
  ] as const) {
    t.ok(await pings(from, to.ip), `${from.name} reaches ${to.name} over IPv4`);
    t.ok(await pings(from, to.ip6), `${from.name} reaches ${to.name} over IPv6`);
  }
  await one.exec(['ip', 'address', 'add', '192.0.2.1/32', 'dev', 'lo']);
  await machine.route('192.0.2.1/32', one);
  t.ok(await pings(machine, '192.0.2.1'), 'a subnet behind a host is reached by a route');
  await two.setCable('pulled');
  t.notOk(
    (await one.tryExec(['ping', '-c', '1', '-W', '1', two.ip])).code === 0,
    'a pulled cable cuts a host off',
  );
  await two.setCable('plugged');
  t.ok(await until('the cable carries again', () => pings(one, two.ip)));
}

async function survivesEngineRestarts(t: Test, host: Host): Promise<void> {
  const before = await host.docker.runContainer({ name: 'kept', restart: 'always' });
  const { Pid } = (await before.inspect()).State;
  await host.killDockerd9();
  await host.startDockerd();
  t.equal((await before.inspect()).State.Pid, Pid, 'with live-restore a container outlives dockerd');
  await host.restartDockerd();
  t.equal((await before.inspect()).State.Pid, Pid);
  await host.exec(['sh', '-c', `echo kept > ${host.stateDir}/note`]);
  await host.reboot();
  t.equal(await host.exec(['cat', `${host.stateDir}/note`]), 'kept\n', 'the disk outlives a reboot');
  const after = await host.docker.container('kept');
  await until('the container runs again', async () => (await after.inspect()).State.Running);
  t.match(await host.exec(['ip', '-o', 'addr', 'show', 'eth0']), new RegExp(`inet ${host.ip}/24`));
  await after.remove();
}

async function leaksAreSeen(t: Test, host: Host): Promise<void> {
  t.same(await host.leaks(), [], 'a fresh host has nothing that dockerd did not bring');
  await host.exec(['ip', 'link', 'add', 'left0', 'type', 'bridge']);
  const rules = 'table inet left { set s { type ipv4_addr; elements = { 192.0.2.9 } }; }';
  await host.exec(['nft', '-f', '-'], { input: rules });
  const sleeper = await host.spawn(['sleep', '1000']);
  t.same(await host.leaks(), [
    'link left0',
    'nft element inet left s "192.0.2.9"',
    'nft set inet left s',
    'nft table inet left',
    'process sleep',
  ]);
  await sleeper.kill9();
  await host.exec(['nft', 'delete table inet left']);
  await host.exec(['ip', 'link', 'del', 'left0']);
  t.same(await host.leaks(), []);
}

/** Disposes the lab and looks for anything that stayed. */
async function allGone(t: Test, underlay: Underlay, hosts: readonly Host[]): Promise<void> {
  for (const host of hosts) await host.docker.runContainer({ cmd: ['sleep', '1000'] });
  const namespaces = [underlay.holder.pid, ...hosts.map((host) => host.pid)].map(pidNamespace);
  t.ok(processesIn(namespaces).length > 4 * hosts.length, 'there were processes');
  t.ok(cgroupsOf(underlay.name).length > 0);
  await underlay[Symbol.asyncDispose]();
  t.same(processesIn(namespaces), [], 'no process stays');
  t.same(cgroupsOf(underlay.name), [], 'no cgroup stays');
  t.same(labMounts(), [], 'no mount stays');
}

t.setTimeout(300_000);

for (const engine of ENGINES) {
  t.test(`Engine ${engine}: two hosts and a machine on one LAN`, async (t) => {
    await using underlay = await createUnderlay();
    const [one, two, machine] = await Promise.all([
      createHost({ underlay, engine, hasLiveRestore: true }),
      createHost({ underlay, engine }),
      createMachine(underlay),
    ]);
    const { Version } = await one.docker.version();
    t.ok(Version.startsWith(`${engine}.`), `dockerd is ${Version}`);
    t.match((await one.dockerCli(['run', '--rm', 'lab:1', 'echo', 'hello'])).stdout, /^hello$/m);
    await leaksAreSeen(t, two);
    await containersTalk(t, one, machine);
    await lanConnects(t, [one, two], machine);
    await survivesEngineRestarts(t, one);
    await allGone(t, underlay, [one, two]);
  });

  t.test(`Engine ${engine}: firewall variants`, async (t) => {
    await using underlay = await createUnderlay();
    const [legacy, none, machine] = await Promise.all([
      createHost({ underlay, engine, iptables: 'legacy' }),
      createHost({ underlay, engine, dockerdArgs: ['--iptables=false', '--ip6tables=false'] }),
      createMachine(underlay),
    ]);
    t.match(await legacy.exec(['iptables-legacy', '-S']), /DOCKER-USER/, 'dockerd uses iptables-legacy');
    t.notMatch(await legacy.exec(['nft', 'list', 'ruleset']), /DOCKER/, 'and nothing else');
    t.notMatch(await none.exec(['iptables-legacy', '-S']), /DOCKER/, 'no rules with --iptables=false');
    t.notMatch(await none.exec(['nft', 'list', 'ruleset']), /DOCKER/, 'no rules with --iptables=false');
    await containersTalk(t, legacy, machine);
    await containersTalk(t, none, machine);
    await allGone(t, underlay, [legacy, none]);
  });
}

t.test('a test that is killed leaves no process, and the next lab removes its cgroups', async (t) => {
  const program = `
    import { createHost, createUnderlay } from '${CHECKOUT}/test/lab/index.ts';
    const underlay = await createUnderlay();
    const host = await createHost({ underlay, engine: '20.10' });
    await host.docker.runContainer();
    console.log(JSON.stringify([underlay.name, underlay.holder.pid, host.pid]));
    await new Promise((resolve) => setTimeout(resolve, 60_000));`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const line = await new Promise<string>((resolve) =>
    child.stdout.once('data', (data) => resolve(String(data))),
  );
  const [name, ...holders] = JSON.parse(line) as [string, number, number];
  const namespaces = holders.map(pidNamespace);
  t.ok(processesIn(namespaces).length > 4);
  child.kill('SIGKILL');
  await until('every process is gone', () => processesIn(namespaces).length === 0);
  await using _next = await createUnderlay();
  t.same(cgroupsOf(name), []);
});
