import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, expect, test } from 'vitest';
import { NamingCluster } from '../../test/fakes/naming-cluster.ts';
import { until } from '../../test/lab/until.ts';

const folder = mkdtempSync(join(tmpdir(), 'weft-naming-kill-'));
afterAll(() => rmSync(folder, { recursive: true }));

const OVERLAY = 'a1'.repeat(32);
const LAN = 'b2'.repeat(32);
const ROUNDS = Number(process.env['WEFT_KILLS'] ?? 6);

/** Endpoints come and go, on an overlay and on a network of one host, with ever new services. */
function churn(round: number): string {
  const from = (file: string) => JSON.stringify(new URL(file, import.meta.url).href);
  return `import { NamingCluster } from ${from('../../test/fakes/naming-cluster.ts')};
    import { writeSync } from 'node:fs';
    const cluster = await NamingCluster.create(${JSON.stringify(folder)});
    const host = await cluster.host('h1', 'none');
    const networks = ['${OVERLAY}', '${LAN}'];
    if (${round} === 0) {
      await host.network({ id: networks[0], overlay: 'app' });
      await host.network({ id: networks[1], ipv4: '10.81.0.0/24' });
    }
    for (let i = 0; ; i++) {
      const options = i % 3 === 0 ? {} : { 'weft.service': 's${round}-' + (i % 5) };
      const id = await host.attach('c${round}-' + i, networks[i % 2], options);
      if (i % 4 === 3) await host.is.repository.deleteEndpoint(host.is.repository.endpoint(id));
      writeSync(1, i + '\\n');
    }`;
}

async function churnAndKill(round: number, steps: number): Promise<void> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', churn(round)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  let done = 0;
  for await (const _line of createInterface({ input: child.stdout })) {
    done += 1;
    if (done === steps) child.kill('SIGKILL');
  }
  expect((await exited)[1]).toBe('SIGKILL');
}

test('after kill -9 the names are those of the endpoints, and each virtual IP is held once', async () => {
  for (let round = 0; round < ROUNDS; round++) {
    await churnAndKill(round, 1 + Math.floor(Math.random() * 60));
    await using cluster = await NamingCluster.create(folder);
    const host = await cluster.host('h1', 'none');
    const { repository, ipam } = host.is;
    await until('names are those of the endpoints', () => {
      const shown = ['app', LAN].flatMap((key) => [...host.view.names(key)].map(({ endpoint }) => endpoint));
      const stored = [...repository.endpoints()].map(({ request }) => request.id);
      return JSON.stringify(shown.sort()) === JSON.stringify(stored.sort());
    });
    await until('services are those declared, and used', () => {
      const services = ['app', LAN].flatMap((key) => [...host.view.services(key)]);
      const used = services.filter(({ unusedSince }) => unusedSince === undefined);
      const declared = new Set(
        [...repository.endpoints()].flatMap(({ request: { networkId, options } }) =>
          options['weft.service'] === undefined ? [] : [`${networkId} ${options['weft.service']}`],
        ),
      );
      return used.length === declared.size && services.every(({ vip4 }) => vip4 !== undefined);
    });
    await until(
      'virtual IPs are held, and no others',
      () => {
        const vips = ['app', LAN].flatMap((key) => [...host.view.services(key)].map(({ vip4 }) => vip4));
        const held = [...ipam.services.held()].map(({ ip }) => ip);
        return JSON.stringify(held.sort()) === JSON.stringify(vips.sort());
      },
      { timeoutMs: 12_000 },
    );
  }
}, 120_000);
