import { once } from 'node:events';
import { parseArgs } from 'node:util';
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
 * Shows weft at work on a test host. Each command is printed as a person would type it, then what it really printed.
 */

const { values } = parseArgs({
  options: { keep: { type: 'boolean', default: false }, engine: { type: 'string', default: ENGINES[0] } },
});
const engine = ENGINES.find((each) => each === values.engine) as EngineSeries | undefined;
if (engine === undefined) {
  process.stderr.write(`demo: --engine is ${values.engine}: expected one of ${ENGINES.join(', ')}\n`);
  process.exit(2);
}

const bold = (text: string): string => (process.stdout.isTTY ? `\u001b[1m${text}\u001b[0m` : text);

function say(text: string): void {
  process.stdout.write(`\n${bold(`# ${text}`)}\n`);
}

function show(command: string, output: string): void {
  process.stdout.write(`$ ${command}\n${output.trimEnd()}${output.trim() === '' ? '' : '\n'}`);
}

async function docker(host: Host, line: string): Promise<string> {
  const { code, stdout, stderr } = await host.dockerCli(line.split(' '));
  show(`docker ${line}`, `${stdout}${stderr}`);
  if (code !== 0) throw new Error(`docker ${line} ended with ${code}`);
  return stdout.trim();
}

async function weft(host: Host, line: string): Promise<void> {
  const { stdout, stderr } = await host.weft(line.split(' '));
  show(`weft ${line}`, `${stdout}${stderr}`);
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
  show(
    `lan$ curl http://${host.ip}:8080/hostname`,
    await lan.exec([...curl, `http://${host.ip}:8080/hostname`]),
  );
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

if (values.keep) {
  say('It stays until Ctrl-C. A shell in the host, from another terminal:');
  process.stdout.write(`nsenter -t ${host.pid} -n -m -u -p bash\n`);
  await once(process, 'SIGINT');
}

say('Clean up');
await docker(host, 'rm -f web db');
await docker(host, 'network rm app back');
await weftd.stop();
