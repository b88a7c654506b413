import { readFileSync } from 'node:fs';
import { errorMessage } from '../../core/errors.ts';
import type { SandboxKey } from '../../core/ids.ts';
import { decodeKnownPorts, type ResolverFiles, resolverFiles } from '../../discovery/index.ts';
import { installRedirect } from './install-redirect.ts';
import type { ResolverLog } from './log.ts';
import { hasEnded, holderOf, type LockFile, signal } from './running-process.ts';

/** How long the process may take to answer what it was asked. */
const PATIENCE_MS = 2000;
const KILL_MS = 2000;

export interface EndOptions {
  readonly runDir: string;
  readonly log: ResolverLog;
  /** Sandboxes that may have a redirect, besides those that the process has served. */
  readonly sandboxes?: Iterable<SandboxKey>;
}

/** Sends every sandbox back to Docker's resolver and ends the process, if there is one. Never rejects. */
export async function endResolver({ runDir, log, sandboxes = [] }: EndOptions): Promise<void> {
  const files = resolverFiles(runDir);
  const first = new Set([...sandboxes, ...servedOnes(files)]);
  await sendToDocker(first, log);
  // Who stands by first: it would take over.
  const ended = [await end(files, 'standbyLock'), await end(files, 'lock')].filter(
    (pid) => pid !== undefined,
  );
  if (ended.length === 0) return;
  // What it began to serve last is in its file only now.
  await sendToDocker(new Set(servedOnes(files)).difference(first), log);
  log.info({ pids: ended }, 'the resolver process has ended');
}

/** Ends the process that has a lock; its pid, undefined when there is none. */
async function end(files: ResolverFiles, lock: LockFile): Promise<number | undefined> {
  const running = await holderOf(files, PATIENCE_MS, lock);
  if (running === undefined) return undefined;
  signal(running.pid, 'SIGTERM');
  if (!(await hasEnded(files, PATIENCE_MS, lock))) {
    signal(running.pid, 'SIGKILL');
    await hasEnded(files, KILL_MS, lock);
  }
  return running.pid;
}

async function sendToDocker(sandboxes: ReadonlySet<SandboxKey>, log: ResolverLog): Promise<void> {
  for (const key of sandboxes) {
    await installRedirect(key, 'docker').catch((error: unknown) => {
      log.debug({ sandbox: key, error: errorMessage(error) }, 'no redirect to remove');
    });
  }
}

function servedOnes({ ports }: ResolverFiles): readonly SandboxKey[] {
  try {
    return decodeKnownPorts(JSON.parse(readFileSync(ports, 'utf8'))).map(({ key }) => key);
  } catch {
    // None was ever served.
    return [];
  }
}
