import { existsSync } from 'node:fs';
import { readdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { until } from './until.ts';

const ROOT = '/sys/fs/cgroup';

/** The mounted hierarchies: /sys/fs/cgroup itself with cgroup v2, its folders with v1. */
async function hierarchies(): Promise<string[]> {
  if (existsSync(join(ROOT, 'cgroup.controllers'))) return [ROOT];
  return (await readdir(ROOT)).map((name) => join(ROOT, name));
}

async function removeTree(folder: string): Promise<void> {
  const inside = await readdir(folder, { withFileTypes: true });
  for (const entry of inside) if (entry.isDirectory()) await removeTree(join(folder, entry.name));
  await rmdir(folder);
}

/**
 * Removes the cgroups below `name` in every hierarchy. Repeating is safe.
 * @throws {Error} when the kernel still finds them in use after 10 s.
 */
export async function removeCgroups(name: string): Promise<void> {
  for (const hierarchy of await hierarchies()) {
    const folder = join(hierarchy, name);
    await until(`${folder} is gone`, async () => {
      if (existsSync(folder)) await removeTree(folder);
      return true;
    });
  }
}

/** Removes what labs of processes that no longer run left in the cgroup hierarchies. */
export async function sweepStaleCgroups(): Promise<void> {
  const stale = new Set<string>();
  for (const hierarchy of await hierarchies()) {
    for (const name of await readdir(hierarchy)) {
      const pid = /^wl-(\d+)-/.exec(name)?.[1];
      if (pid !== undefined && !existsSync(`/proc/${pid}`)) stale.add(name);
    }
  }
  for (const name of stale) await removeCgroups(name);
}
