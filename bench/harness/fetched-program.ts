import { execFileSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CHECKOUT } from '../../test/lab/index.ts';

/**
 * The arguments that start a program of Debian's from the cache, where it is put if need be.
 * @param path of the program in its package.
 * @param packages its own, and those of libraries that the machine may lack.
 * @throws {Error} when a package is not to be had.
 */
export function fetchedProgram(path: string, packages: readonly string[]): readonly string[] {
  const [name = ''] = packages;
  const fetch = join(CHECKOUT, 'bench/harness/fetch-program');
  const root = execFileSync(fetch, [name, ...packages], { encoding: 'utf8' }).trim();
  const libraries = globSync(join(root, '{usr/lib,lib}/**/*.so*')).map(dirname);
  return ['env', `LD_LIBRARY_PATH=${[...new Set(libraries)].join(':')}`, join(root, path)];
}
