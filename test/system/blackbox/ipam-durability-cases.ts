import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Test } from 'tap';
import { poolDetail, releaseAddress, requestAddress, requestPool } from './ipam-requests.ts';
import type { WeftdProcess } from './weftd-process.ts';
import type { Case, Scene } from './weftd-suite.ts';

const ROUNDS = 12;
/** Answers before weftd is killed in each round. */
const LOAD = 20;
const WORKERS = 8;

/** What the client knows: an address is held, free, or unknown because the answer never came. */
interface Ledger {
  readonly held: Set<string>;
  readonly doubtful: Set<string>;
  readonly twice: string[];
  answers: number;
}

async function overCleanRestart(t: Test, { weftd }: Scene): Promise<void> {
  const { id, pool } = await requestPool(weftd, {});
  const address = await requestAddress(weftd, id);
  const before = await weftd.control('/v1/ipam');
  await weftd.restart();
  t.same(await weftd.control('/v1/ipam'), before);
  t.not(await requestAddress(weftd, id), address);
  t.not((await requestPool(weftd, {})).pool, pool);
}

/** Takes and gives back addresses until weftd is gone, noting what every answer said. */
async function worker(weftd: WeftdProcess, id: string, ledger: Ledger, mine: string[]): Promise<void> {
  for (;;) {
    const address = mine.length > 3 && Math.random() < 0.5 ? mine.shift() : undefined;
    try {
      if (address === undefined) {
        const given = await requestAddress(weftd, id);
        ledger.answers++;
        if (ledger.held.has(given)) throw new Error(`DOUBLE ${given}`);
        ledger.held.add(given);
        mine.push(given);
      } else {
        ledger.doubtful.add(address);
        await releaseAddress(weftd, id, address);
        ledger.answers++;
        ledger.held.delete(address);
        ledger.doubtful.delete(address);
      }
    } catch (error) {
      if (String(error).includes('DOUBLE')) ledger.twice.push(String(error));
      return;
    }
  }
}

async function underLoad(t: Test, { weftd }: Scene): Promise<void> {
  const { id } = await requestPool(weftd, { pool: '10.90.0.0/16' });
  const ledger: Ledger = { held: new Set(), doubtful: new Set(), twice: [], answers: 0 };
  const hands = Array.from({ length: WORKERS }, (): string[] => []);
  let lostAnswers = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const working = hands.map((mine) => worker(weftd, id, ledger, mine));
    const enough = ledger.answers + LOAD;
    while (ledger.answers < enough) await sleep(1);
    await sleep(randomInt(5, 120));
    await weftd.stop('SIGKILL');
    await Promise.all(working);
    await weftd.start();
    const stored = new Set(
      (await poolDetail(weftd, id)).leases
        .filter(({ kind }) => kind === 'endpoint')
        .map(({ address }) => `${address}/16`),
    );
    const lost = [...ledger.held].filter((address) => !ledger.doubtful.has(address) && !stored.has(address));
    t.same(lost, [], `round ${round}: all ${ledger.held.size} addresses that were answered are held`);
    const orphans = [...stored].filter((address) => !ledger.held.has(address));
    t.ok(orphans.length <= WORKERS, `and at most one for each call that was cut off (${orphans.length})`);
    lostAnswers += orphans.length + ledger.doubtful.size;
    for (const address of [...orphans, ...ledger.doubtful]) await releaseAddress(weftd, id, address);
    for (const address of ledger.doubtful) ledger.held.delete(address);
    ledger.doubtful.clear();
  }
  t.same(ledger.twice, [], 'none was given twice');
  t.ok(ledger.answers > 200, `there was load: ${ledger.answers} answers`);
  t.ok(lostAnswers > 0, `and calls were cut off: ${lostAnswers}`);
  t.same(
    weftd.logged(40).filter(({ problem }) => problem !== undefined),
    [],
    'no record is damaged',
  );
}

/** Cases about what outlives weftd. */
export const ipamDurabilityCases: Readonly<Record<string, Case>> = {
  'I12 persistence over restart': overCleanRestart,
  'I12 persistence incl. kill -9 in the middle of a write': underLoad,
};
