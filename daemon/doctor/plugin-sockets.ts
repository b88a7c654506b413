import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { DoctorFinding } from '../../core/control.ts';
import { type Check, orOk } from './check.ts';
import { PLUGIN_NAMES } from './plugin-names.ts';
import { type ListenerState, probeListener } from './unix-listener.ts';
import { listed } from './wording.ts';

const ID = 'plugin-sockets';

/** A plugin socket as Docker would find it. */
export interface PluginSocketFacts {
  readonly name: string;
  readonly path: string;
  readonly state: ListenerState;
}

/**
 * Every `docker volume ls` and `docker system df` asks each plugin that has a socket, and one that refuses is tried
 * for 15 s (protocol 1).
 * @param own plugins that weft must have.
 */
export function judgePluginSockets(
  sockets: readonly PluginSocketFacts[],
  own: readonly string[],
): readonly DoctorFinding[] {
  const answers = new Set(sockets.filter(({ state }) => state === 'answers').map(({ name }) => name));
  const lost = own.filter((name) => !answers.has(name));
  const others = sockets.filter(({ name }) => !own.includes(name));
  const stale = others.filter(({ state }) => state === 'refused');
  const living = others.filter(({ state }) => state === 'answers').map(({ name }) => name);
  const findings: DoctorFinding[] = [];
  if (lost.length > 0) {
    findings.push({
      id: ID,
      level: 'fail',
      title: `Docker cannot reach ${listed(lost)}: the plugin socket is gone or another file is in its place`,
      remedy: 'systemctl restart weftd; containers go on running meanwhile',
    });
  }
  for (const { path } of stale) {
    findings.push({
      id: ID,
      level: 'warn',
      title: `A plugin socket that nobody answers makes Docker slow: ${path}`,
      detail:
        'docker volume ls and docker system df wait 15 s for each such plugin, and so does every call to it',
      remedy: `Start the plugin again, or rm ${path}`,
    });
  }
  if (living.length > 0) {
    findings.push({ id: ID, level: 'info', title: `Other plugins on this host: ${listed(living)}` });
  }
  const ok = orOk([], ID, 'Every plugin socket of weft answers', own.join(', '));
  return findings.some(({ level }) => level !== 'info') ? findings : [...ok, ...findings];
}

/** NAME.sock and NAME/NAME.sock, as Docker looks for them (moby: pkg/plugins/discovery.go). */
export async function findPluginSockets(directory: string): Promise<readonly PluginSocketFacts[]> {
  const entries = await readdir(directory, { withFileTypes: true });
  const paths = entries.flatMap((entry) => {
    if (entry.isDirectory()) return [join(directory, entry.name, `${entry.name}.sock`)];
    return entry.name.endsWith('.sock') ? [join(directory, entry.name)] : [];
  });
  const found = await Promise.all(
    paths.map(
      async (path): Promise<PluginSocketFacts> => ({
        name: basename(path, '.sock'),
        path,
        state: await probeListener(path),
      }),
    ),
  );
  // A directory without such a socket is no plugin of this kind.
  return found.filter(({ path, state }) => state !== 'missing' || dirname(path) === directory);
}

export const pluginSockets: Check = {
  id: ID,
  subject: 'the plugin sockets',
  run: async ({ parts }) => judgePluginSockets(await findPluginSockets(parts.config.pluginDir), PLUGIN_NAMES),
};
