import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { TwoHosts } from './demo-hosts.ts';
import { docker, say, show, weft } from './demo-screen.ts';
import {
  createHost,
  createMachine,
  createUnderlay,
  ENGINES,
  type EngineSeries,
  type Host,
  IMAGE,
  until,
} from './index.ts';

/*
 * Shows weft at work on a test host, then on two that share networks.
 */

const { values } = parseArgs({
  options: { keep: { type: 'boolean', default: false }, engine: { type: 'string', default: ENGINES[0] } },
});
const engine = ENGINES.find((each) => each === values.engine) as EngineSeries | undefined;
if (engine === undefined) {
  process.stderr.write(`demo: --engine is ${values.engine}: expected one of ${ENGINES.join(', ')}\n`);
  process.exit(2);
}

async function networks(host: Host): Promise<void> {
  say('Two networks with weft’s driver and weft’s addresses');
  await docker(host, 'network create -d weft-bridge --ipam-driver weft app');
  await docker(host, 'network create -d weft-bridge --ipam-driver weft --ipv6 --subnet fd00:80::/64 back');
  await weft(host, 'network ls');
}

async function containers(host: Host): Promise<void> {
  say('Containers talk by name on their network');
  await docker(host, `run -d --name web --network app -p 8080:80 ${IMAGE} httpd -f -h /etc`);
  await docker(host, `run --rm --network app ${IMAGE} ping -c 2 web`);
  await docker(host, `run -d --name db --network back ${IMAGE} sleep 1000000`);
  await docker(host, 'network connect back web');
  await docker(host, 'exec web ping -c 1 db');
  await weft(host, 'endpoint ls');
}

async function publishing(
  host: Host,
  lan: { exec(argv: readonly string[]): Promise<string> },
): Promise<void> {
  say('A published port: from the host, over 127.0.0.1, and from another machine on the LAN');
  await weft(host, 'port ls');
  const curl = ['curl', '-sS', '-m', '5'];
  show('curl http://127.0.0.1:8080/hostname', await host.exec([...curl, 'http://127.0.0.1:8080/hostname']));
  show('curl http://[::1]:8080/hostname', await host.exec([...curl, 'http://[::1]:8080/hostname']));
  const address = `http://${host.ip}:8080/hostname`;
  show(`curl ${address}`, await lan.exec([...curl, address]), 'lan');
  const busy = await host.dockerCli(['run', '--rm', '--network', 'app', '-p', '8080:80', IMAGE, 'true']);
  show('docker run --rm --network app -p 8080:80 … true', busy.stderr.split('\n').slice(0, 1).join('\n'));
}

async function healing(host: Host): Promise<void> {
  say('Somebody flushes weft’s rules and deletes a bridge; weftd puts them back');
  const bridge = (
    JSON.parse(await host.exec(['ip', '-j', 'link', 'show', 'type', 'bridge'])) as { ifname: string }[]
  )
    .map(({ ifname }) => ifname)
    .find((name) => name.startsWith('wb-'));
  show('nft flush table ip weft', await host.exec(['nft', 'flush', 'table', 'ip', 'weft']));
  show(`ip link delete ${bridge}`, await host.exec(['ip', 'link', 'delete', bridge ?? '']));
  await until(
    'the port to answer again',
    async () => (await host.tryExec(['curl', '-sS', '-m', '1', 'http://127.0.0.1:8080/hostname'])).code === 0,
  );
  show(
    'curl http://127.0.0.1:8080/hostname',
    await host.exec(['curl', '-sS', 'http://127.0.0.1:8080/hostname']),
  );
  await weft(host, 'drift');
}

await using underlay = await createUnderlay();
const host = await createHost({ underlay, engine, name: 'demo' });
const lan = await createMachine(underlay, 'lan');
say(`A host with Docker Engine ${(await host.docker.version()).Version}, and weftd in it`);
const weftd = await host.startWeftd(['--log-level', 'warn']);
show('weftd &', '');
await until('weftd to answer', async () => (await host.weft(['status'])).code === 0);
await weft(host, 'status');
await networks(host);
await containers(host);
await publishing(host, lan);
await healing(host);
await weft(host, 'doctor');

await using hosts = await TwoHosts.boot(engine);
await hosts.play();

if (values.keep) {
  say('It stays until Ctrl-C. A shell in each host, from another terminal:');
  for (const { name, pid } of [host, ...hosts.nodes.map((node) => node.host)])
    process.stdout.write(`nsenter -t ${pid} -n -m -u -p bash    # ${name}\n`);
  // Waiting for a signal keeps no process alive.
  const awake = setInterval(() => undefined, 60_000);
  await once(process, 'SIGINT');
  clearInterval(awake);
}

say('Clean up');
await hosts.clear();
await docker(host, 'rm -f web db');
await docker(host, 'network rm app back');
await weftd.stop();
