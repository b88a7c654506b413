import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

/** Folders that the resolver process is made of. */
const FOLDERS = ['core', 'discovery', 'kernel/libc'];

/** The folder of the program: that of a checkout, or `dist` of an installation. */
const ROOT = new URL('../../', import.meta.url);
const EXTENSION = import.meta.url.endsWith('.ts') ? '.ts' : '.js';

/** What node runs as the resolver process. */
export const RESOLVER_PROGRAM = fileURLToPath(new URL(`discovery/main${EXTENSION}`, ROOT));

/**
 * A name for this very program of the resolver process: another version, or any change of its files, has another one.
 * @throws {Error} when its files cannot be read.
 */
export async function resolverBuild(version: string): Promise<string> {
  const hash = createHash('sha256').update(`${version} ${process.version}`);
  for (const folder of FOLDERS) {
    const files = await readdir(new URL(`${folder}/`, ROOT), { recursive: true });
    for (const file of files.toSorted()) {
      if (!file.endsWith(EXTENSION) || file.endsWith(`.test${EXTENSION}`)) continue;
      hash.update(`\n${file}\n`).update(await readFile(new URL(`${folder}/${file}`, ROOT)));
    }
  }
  return `${version}+${hash.digest('hex').slice(0, 16)}`;
}
