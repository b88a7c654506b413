import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const IS_SOURCE = import.meta.url.endsWith('.ts');
/** That of a checkout, or `dist` of an installation, where this is in a file of the folder `parts` (scripts/bundle.ts). */
const ROOT = new URL(IS_SOURCE ? '../../' : '../', import.meta.url);
const EXTENSION = IS_SOURCE ? '.ts' : '.js';

/** Folders that the resolver process is made of. What is built names its parts, and they are named by their content. */
const FOLDERS = IS_SOURCE ? ['core', 'discovery', 'kernel/libc'] : ['discovery'];

/** What node runs as the resolver process. */
export const RESOLVER_PROGRAM = fileURLToPath(new URL(`discovery/main${EXTENSION}`, ROOT));

/**
 * A name for this very program of the resolver process: another version, or any change of its files, has another one.
 * For the start of weftd, which waits for it: some hundred small files take longer to wait for than to read.
 * @throws {Error} when its files cannot be read.
 */
export function resolverBuild(version: string): string {
  const hash = createHash('sha256').update(`${version} ${process.version}`);
  for (const folder of FOLDERS) {
    const files = readdirSync(new URL(`${folder}/`, ROOT), { recursive: true, encoding: 'utf8' });
    for (const file of files.toSorted()) {
      if (!file.endsWith(EXTENSION) || file.endsWith(`.test${EXTENSION}`)) continue;
      hash.update(`\n${file}\n`).update(readFileSync(new URL(`${folder}/${file}`, ROOT)));
    }
  }
  return `${version}+${hash.digest('hex').slice(0, 16)}`;
}
