import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, expect, test } from 'vitest';
import { openSqliteStore } from '../store/index.ts';
import { anIpam } from '../test/contract/ipam.ts';

const directory = mkdtempSync(join(tmpdir(), 'weft-ipam-kill-'));
afterAll(() => rmSync(directory, { recursive: true }));

function requester(path: string): string {
  const from = (file: string) => JSON.stringify(new URL(file, import.meta.url).href);
  return `import { openSqliteStore } from ${from('../store/index.ts')};
    import { IpamService } from ${from('./index.ts')};
    import { writeSync } from 'node:fs';
    const store = await openSqliteStore({ path: ${JSON.stringify(path)} });
    const service = await IpamService.load({ store, clock: { now: () => Date.now() }, hostRoutes: async () => [] });
    const poolId = 'WeftLocal/10.9.0.0/16';
    if (service.list().length === 0) {
      await service.requestPool({ space: 'WeftLocal', pool: '10.9.0.0/16', subPool: '', options: {}, v6: false });
    }
    const loop = async () => {
      for (;;) writeSync(1, (await service.requestAddress({ poolId, options: null })).ip + '\\n');
    };
    await Promise.all(Array.from({ length: 6 }, loop));`;
}

async function requestAndKill(path: string, answers: number): Promise<string[]> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', requester(path)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const given: string[] = [];
  for await (const ip of createInterface({ input: child.stdout })) {
    if (given.push(ip) === answers) child.kill('SIGKILL');
  }
  expect((await exited)[1]).toBe('SIGKILL');
  return given;
}

test('I12 after kill -9 every address that was answered is held and none is given again', async () => {
  const path = join(directory, 'weft.db');
  const answered: string[] = [];
  for (let round = 0; round < 10; round++) {
    answered.push(...(await requestAndKill(path, 1 + Math.floor(Math.random() * 150))));
    expect(new Set(answered).size).toBe(answered.length);
    await using store = await openSqliteStore({ path, warn: expect.unreachable });
    const { service } = await anIpam(store);
    expect(service.problems).toEqual([]);
    const held = new Set<string>(service.list()[0]?.leases.map(({ ip }) => ip));
    expect(answered.filter((ip) => !held.has(ip))).toEqual([]);
  }
}, 60_000);
