import { setTimeout as sleep } from 'node:timers/promises';
import { type Host, until } from '../../lab/index.ts';

const PAUSE_MS = 300;

/** What the host has (`Host.leaks`) once that stays so: what an earlier container or command leaves goes in moments. */
export async function settled(host: Host): Promise<readonly string[]> {
  let last = await host.leaks();
  return until('nothing comes or goes', async () => {
    await sleep(PAUSE_MS);
    const before = last;
    last = await host.leaks();
    return last.join('\n') === before.join('\n') && last;
  });
}
