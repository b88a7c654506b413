import { randomUUID } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const FILE = 'node-id';
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** This state directory's identity in a cluster, made at the first start. @throws {Error} when it cannot be kept. */
export async function readNodeId(stateDir: string): Promise<string> {
  const known = await readFile(join(stateDir, FILE), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  return UUID.test(known.trim()) ? known.trim() : renewNodeId(stateDir);
}

/** A new identity, after the old one was removed from its cluster. */
export async function renewNodeId(stateDir: string): Promise<string> {
  const id = randomUUID();
  const path = join(stateDir, FILE);
  await writeFile(`${path}.new`, `${id}\n`, { mode: 0o600, flush: true });
  await rename(`${path}.new`, path);
  return id;
}
