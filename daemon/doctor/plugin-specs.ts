import { readdir } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import type { DoctorFinding } from '../../core/control.ts';
import { type Check, orOk } from './check.ts';
import { PLUGIN_NAMES } from './plugin-names.ts';

const ID = 'plugin-specs';
/** Where Docker looks for plugins by file (moby: pkg/plugins/discovery_unix.go). */
const DIRECTORIES = ['/etc/docker/plugins', '/usr/lib/docker/plugins'];
const EXTENSIONS = ['.spec', '.json'];

/** @param paths of specification files. */
export function judgePluginSpecs(paths: readonly string[], own: readonly string[]): readonly DoctorFinding[] {
  const findings = paths
    .filter((path) => own.includes(basename(path, extname(path))))
    .map(
      (path): DoctorFinding => ({
        id: ID,
        level: 'warn',
        title: `${path} may lead Docker to another address than weft's socket`,
        detail: 'Docker takes it when the socket is not there, as while weftd starts',
        remedy: `rm ${path}`,
      }),
    );
  return orOk(findings, ID, 'No plugin specification takes a name of weft');
}

/** NAME.spec, NAME.json, and the same in a directory NAME; a directory that is missing has none. */
export async function findPluginSpecs(directories: readonly string[]): Promise<readonly string[]> {
  const found = await Promise.all(
    directories.map(async (directory) => {
      const entries = await readdir(directory, { recursive: true }).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return [];
        throw error;
      });
      return entries
        .filter((entry) => EXTENSIONS.includes(extname(entry)))
        .map((entry) => join(directory, entry));
    }),
  );
  return found.flat();
}

export const pluginSpecs: Check = {
  id: ID,
  subject: 'plugin specifications',
  run: async () => judgePluginSpecs(await findPluginSpecs(DIRECTORIES), PLUGIN_NAMES),
};
