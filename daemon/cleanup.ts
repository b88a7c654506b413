import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Logger } from 'pino';
import { errorMessage } from '../core/errors.ts';
import { openForwardAccept, openLinuxKernel, removeTables } from '../kernel/index.ts';
import { lockDirectory, openSqliteStore } from '../store/index.ts';
import { removeVips } from './balancing/index.ts';
import type { Config } from './config.ts';
import { endResolver } from './resolver/index.ts';
import { Repository } from './state/index.ts';

/**
 * Removes every kernel object that is weft's: links, tables, rules in DOCKER-USER and tables in sandboxes; ends the
 * resolver process. The store stays. Refused while a
 * weftd runs, which would bring everything back.
 * @returns the exit code.
 * @throws {Conflict} when a weftd holds the state directory.
 */
export async function cleanupKernel(config: Config, log: Logger): Promise<number> {
  await using _lock = await lockDirectory(config.stateDir);
  await using kernel = await openLinuxKernel({
    log: ({ message, link, error }) => log.warn({ link, err: error }, message),
  });
  const state = await kernel.snapshot([]);
  const links = [...state.values()].flatMap((object) => (object.kind === 'link' ? [object.name] : []));
  kernel.discardLinks(links);
  await kernel.discarded();
  await using forwardAccept = await openForwardAccept();
  await forwardAccept.remove();
  await removeTables();
  await endResolver({ runDir: config.runDir, log });
  await removeVips(await sandboxDirectories(config, log));
  log.info({ links: links.length }, 'every kernel object of weft is removed');
  return 0;
}

/** Directories of the sandboxes that are stored; none when the store cannot be read, which must not stop a cleanup. */
async function sandboxDirectories(config: Config, log: Logger): Promise<ReadonlySet<string>> {
  const path = `${config.stateDir}/weft.db`;
  if (!existsSync(path)) return new Set();
  try {
    await using store = await openSqliteStore({ path, warn: (message) => log.warn(message) });
    const endpoints = [...(await Repository.load(store)).endpoints()];
    return new Set(
      endpoints.flatMap(({ attachment }) => (attachment ? [dirname(attachment.sandboxKey)] : [])),
    );
  } catch (error) {
    log.warn({ error: errorMessage(error) }, 'the store does not say where sandboxes are');
    return new Set();
  }
}
