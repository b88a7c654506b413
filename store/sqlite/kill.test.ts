import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, expect, test } from 'vitest';
import { openSqliteStore } from './sqlite-store.ts';

const ROUNDS = 40;
const directory = mkdtempSync(join(tmpdir(), 'weft-kill-'));
afterAll(() => rmSync(directory, { recursive: true }));

/** Writes transactions of three keys, eight in flight, and prints the number of each one when it is acknowledged. */
function writer(path: string, round: number): string {
  const module = new URL('./sqlite-store.ts', import.meta.url).href;
  return `import { openSqliteStore } from ${JSON.stringify(module)};
    import { writeSync } from 'node:fs';
    const store = await openSqliteStore({ path: ${JSON.stringify(path)} });
    const value = new Uint8Array(900);
    let next = 0;
    const loop = async () => {
      for (;;) {
        const id = '${round}/' + String(next++).padStart(6, '0');
        await store.commit({ put: ['x', 'y', 'z'].map((part) => ({ key: id + '/' + part, value })) });
        writeSync(1, id + '\\n');
      }
    };
    await Promise.all(Array.from({ length: 8 }, loop));`;
}

/** Runs the writer until `acks` acknowledgements were read and `extraMs` more have passed; kills it; what was acknowledged. */
async function writeAndKill(path: string, round: number, acks: number, extraMs: number): Promise<string[]> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', writer(path, round)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const acknowledged: string[] = [];
  const exited = once(child, 'exit');
  for await (const line of createInterface({ input: child.stdout })) {
    acknowledged.push(line);
    if (acknowledged.length === acks) setTimeout(() => child.kill('SIGKILL'), extraMs);
  }
  expect((await exited)[1]).toBe('SIGKILL');
  return acknowledged;
}

test(`kill -9 in the middle of commits loses no acknowledged one and leaves no half, ${ROUNDS} times`, async () => {
  const path = join(directory, 'weft.db');
  const journal: string[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const acks = 1 + Math.floor(Math.random() * 400);
    journal.push(...(await writeAndKill(path, round, acks, Math.random() * 5)));
    await using store = await openSqliteStore({ path, warn: expect.unreachable });
    const parts = new Map<string, number>();
    for (const { key } of (await store.list('')).entries) {
      parts.set(key.slice(0, -2), (parts.get(key.slice(0, -2)) ?? 0) + 1);
    }
    expect([...parts.values()].filter((found) => found !== 3)).toEqual([]);
    expect(journal.filter((id) => !parts.has(id))).toEqual([]);
  }
  expect(journal.length).toBeGreaterThan(ROUNDS);
}, 180_000);
