/**
 * What one RequestAddress costs with 10, 1,000 and 60,000 addresses held: the allocator alone, and the service over a
 * store in memory and over SQLite (one durable commit each, and 64 in flight). Run: node bench/ipam.bench.ts
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Cidr, Ip } from '../core/address.ts';
import type { Store } from '../core/ports.ts';
import { AddressAllocator } from '../ipam/addresses.ts';
import { IpamService } from '../ipam/index.ts';
import { openSqliteStore } from '../store/index.ts';
import { MemoryStore } from '../test/fakes/memory-store.ts';

const HELD = [10, 1_000, 60_000];

function report(what: string, held: number, count: number, startedAt: bigint): void {
  const ns = Number(process.hrtime.bigint() - startedAt) / count;
  process.stdout.write(
    `${what.padEnd(44)} held ${String(held).padStart(6)}  ${ns.toFixed(0).padStart(9)} ns/op\n`,
  );
}

function allocator(held: number, fragmented: boolean): void {
  const addresses = new AddressAllocator('10.0.0.0/8' as Cidr);
  const take = (): Ip => {
    const ip = addresses.nextFree();
    if (ip === undefined) throw addresses.full(0);
    addresses.hold({ ip, kind: 'endpoint', createdAt: 0 });
    return ip;
  };
  const taken = Array.from({ length: fragmented ? 2 * held : held }, take);
  if (fragmented) for (const [index, ip] of taken.entries()) if (index % 2 === 0) addresses.forget(ip);
  const run = (count: number) => {
    for (let done = 0; done < count; done++) addresses.forget(take());
  };
  run(20_000);
  const startedAt = process.hrtime.bigint();
  run(100_000);
  report(`allocate + free${fragmented ? ', every second address held' : ''}`, held, 100_000, startedAt);
}

async function service(
  what: string,
  store: Store,
  held: number,
  count: number,
  inFlight: number,
): Promise<void> {
  const ipam = await IpamService.load({
    store,
    clock: { now: () => Date.now() },
    hostRoutes: async () => [],
  });
  const request = { space: 'WeftLocal', pool: '10.0.0.0/8', subPool: '', options: {}, v6: false };
  const { poolId } = await ipam.requestPool(request);
  const ask = () => ipam.requestAddress({ poolId, options: null });
  for (let done = 0; done < held; done += 1000) {
    await Promise.all(Array.from({ length: Math.min(1000, held - done) }, ask));
  }
  const worker = async () => {
    for (let done = 0; done < count / inFlight; done++) await ask();
  };
  const startedAt = process.hrtime.bigint();
  await Promise.all(Array.from({ length: inFlight }, worker));
  report(what, held, count, startedAt);
  await store[Symbol.asyncDispose]();
}

const directory = mkdtempSync(join(tmpdir(), 'weft-bench-'));
const sqlite = (name: string) => openSqliteStore({ path: join(directory, name, 'weft.db') });
try {
  for (const held of HELD) allocator(held, false);
  for (const held of HELD) allocator(held, true);
  for (const held of HELD)
    await service('RequestAddress, store in memory', new MemoryStore(), held, 6_400, 1);
  for (const held of HELD) await service('RequestAddress, SQLite', await sqlite(`a${held}`), held, 512, 1);
  for (const held of HELD)
    await service('RequestAddress, SQLite, 64 in flight', await sqlite(`b${held}`), held, 6_400, 64);
} finally {
  rmSync(directory, { recursive: true });
}
