import t, { type Test } from 'tap';
import {
  type Container,
  createHost,
  createUnderlay,
  ENGINES,
  type EngineSeries,
  type Host,
  until,
} from '../../lab/index.ts';

t.setTimeout(300_000);

const NETWORK = { name: 'app', driver: 'weft-bridge', ipamDriver: 'weft' };
/** What the container's own server knows, and nobody else. */
const RECORDS = ['one', 'two', 'three'].map((name) => `--host-record=${name}.example,192.0.2.1`);
const DNSMASQ = [
  ...['dnsmasq', '--keep-in-foreground', '--conf-file=/dev/null', '--no-resolv', '--no-hosts'],
  ...['--pid-file=', '--user=root', '--local-ttl=300', '--local=/example/'],
];

async function dig(container: Container, ...question: readonly string[]): Promise<string> {
  const argv = ['dig', '+tries=1', '+time=5', '@127.0.0.11', ...question];
  return (await container.tryNetExec(argv)).stdout.trim();
}

const short = (container: Container, name: string): Promise<string> => dig(container, '+short', name);

/** `docker run --dns`: what Docker does with it on its own networks holds on weft's. */
async function ownServers(t: Test, host: Host): Promise<void> {
  const server = await host.docker.runContainer({ network: 'app', name: 'server' });
  await server.netSpawn([...DNSMASQ, ...RECORDS]);
  const { IPAddress } = await server.endpoint();
  const own = await host.docker.runContainer({ network: 'app', name: 'own', dns: [IPAddress] });
  const other = await host.docker.runContainer({ network: 'app', name: 'other' });

  await until('the server answers', async () => (await short(own, 'one.example')) === '192.0.2.1');
  t.equal(await short(own, 'one.example'), '192.0.2.1', 'an unknown name is asked of the container’s server');
  t.match(await dig(own, 'no.example'), /status: NXDOMAIN/, 'what that says is passed on');
  t.equal(await short(own, 'server'), IPAddress, 'names of the network are weft’s');
  t.equal(await short(other, 'one.example'), '', 'a container without one does not get there');

  // What Docker has put into the sandbox is cut off; what is left is weft's.
  for (const name of ['ip nat', 'ip docker-dns'])
    await own.tryNetExec(['nft', 'delete', 'table', ...name.split(' ')]);
  const forwarded = await own.netExec(['nft', 'list', 'tables']);
  t.match(forwarded, /weft-dns/);
  t.equal(await short(own, 'two.example'), '192.0.2.1', 'it is asked when Docker’s resolver does not answer');
  t.equal(await short(own, 'three.example'), '192.0.2.1');
  t.equal(await short(other, 'two.example'), '');
}

/** A container with the rights to do so throws all rules away, Docker's too. */
async function flushed(t: Test, host: Host): Promise<void> {
  const client = await host.docker.runContainer({ network: 'app', name: 'client' });
  const server = await host.docker.runContainer({ network: 'app', name: 'named' });
  const { IPAddress } = await server.endpoint();
  await until('the name resolves', async () => (await short(client, 'named')) === IPAddress);
  await client.netExec(['nft', 'flush', 'ruleset']);
  await until('the name resolves again', async () => (await short(client, 'named')) === IPAddress, {
    timeoutMs: 10_000,
  });
  t.match(await client.netExec(['nft', 'list', 'tables']), /weft-dns/, 'the redirect is there again');
  const { IPAddress: own } = await client.endpoint();
  t.equal(await dig(client, '+short', '-x', own), 'client.app.');
}

async function onEngine(t: Test, engine: EngineSeries): Promise<void> {
  await using underlay = await createUnderlay();
  await using host = await createHost({ underlay, engine });
  const weftd = await host.startWeftd();
  await weftd.waitReady();
  await host.docker.createNetwork(NETWORK);
  await t.test('servers of the container’s own', (t) => ownServers(t, host));
  await t.test('a container flushes its rules', (t) => flushed(t, host));
  await weftd.stop();
}

for (const engine of ENGINES) t.test(`engine ${engine}`, (t) => onEngine(t, engine));
