import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { Backend } from '../../core/service.ts';
import { CHECKOUT, createHost, createUnderlay, type Host, IMAGE, until } from '../lab/index.ts';

const STARTS = 12;
const SERVICES = '/run/services.json';

interface Ready {
  readonly is: boolean;
  readonly afterJoin: number;
  readonly soon: number;
}

/** What weftd said of the sandboxes it equipped. */
function readyLines(lines: readonly string[]): readonly Ready[] {
  return lines
    .filter((line) => line.includes('"msg":"sandbox ready"'))
    .map((line) => JSON.parse(line) as Ready);
}

function quantile(values: readonly number[], q: number): string {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN).toFixed(1);
}

async function startServer(host: Host, name: string): Promise<Backend> {
  const server = await host.docker.runContainer({ name, network: 'app', cmd: ['httpd', '-f', '-h', '/www'] });
  const { IPAddress } = await server.endpoint();
  return {
    ...{ endpoint: name as Backend['endpoint'], node: 'here', weight: 1, state: 'ready' },
    ipv4: IPAddress as NonNullable<Backend['ipv4']>,
  };
}

t.setTimeout(300_000);

for (const engine of ['20.10', '28.5'] as const) {
  t.test(`Engine ${engine}: a container's first process reaches a virtual IP`, async (t) => {
    await using underlay = await createUnderlay();
    const host = await createHost({ underlay, engine });
    const main = join(CHECKOUT, 'test/support/balancing-weftd.ts');
    const weftd = await host.spawn([process.execPath, main, SERVICES, '--state-dir', host.stateDir]);
    await weftd.line('ready', (line) => /"msg"\s*:\s*"ready"/.test(line), 30_000);
    const network = await host.docker.createNetwork({
      name: 'app',
      driver: 'weft-bridge',
      ipamDriver: 'weft',
      subnets: [{ subnet: '198.18.7.0/24' }],
    });
    const backends = [await startServer(host, 'one'), await startServer(host, 'two')];
    const service = { network, name: 'web', ports: [], vip4: '198.18.7.200' };
    // More services than one, as a host has.
    const others = Array.from({ length: 50 }, (_, n) => ({
      service: { network, name: `s${n}`, ports: [], vip4: `198.18.7.${100 + n}` },
      backends,
    }));
    const inside = host.path(SERVICES);
    writeFileSync(`${inside}.new`, JSON.stringify([...others, { service, backends }]));
    renameSync(`${inside}.new`, inside);
    await weftd.line('services', (line) => line.includes('services read'), 10_000);

    const codes: number[] = [];
    const before = readyLines(weftd.lines).length;
    for (let n = 0; n < STARTS; n++) {
      const cmd = ['socat', '-u', 'OPEN:/dev/null', `TCP:${service.vip4}:80,connect-timeout=3`];
      const { code } = await host.dockerCli(['run', '--rm', '--network', 'app', IMAGE, ...cmd]);
      codes.push(code);
    }
    t.same(
      codes,
      Array.from({ length: STARTS }, () => 0),
      'every one of them at once',
    );
    const ready = await until('all are told of', async () => {
      const lines = readyLines(weftd.lines).slice(before);
      return lines.length >= STARTS && lines;
    });
    t.ok(ready.every(({ is }) => is));
    const soon = ready.map((each) => each.soon);
    const afterJoin = ready.map((each) => each.afterJoin);
    t.comment(
      `engine ${engine}: tables in the sandbox ${quantile(soon, 0.5)} ms after it was noticed (most ${quantile(soon, 1)}), ` +
        `${quantile(afterJoin, 0.5)} ms after Join (most ${quantile(afterJoin, 1)}); in order: ` +
        soon.map((ms) => ms.toFixed(1)).join(' '),
    );

    await t.test('a container that is disconnected has them no longer', async (t) => {
      await host.docker.createNetwork({ name: 'side', driver: 'bridge' });
      const client = await host.docker.runContainer({
        name: 'client',
        network: 'app',
        cmd: ['sleep', '1000'],
      });
      const tables = async () => (await client.netExec(['nft', 'list', 'tables'])).includes('weft-vip');
      await until('it has its tables', tables);
      await host.dockerCli(['network', 'disconnect', 'app', 'client']);
      t.ok(await until('they are gone', async () => !(await tables())));
      await client.remove();
    });
    await host.dockerCli(['rm', '-f', 'one', 'two']);
  });
}
