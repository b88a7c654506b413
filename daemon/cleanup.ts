import type { Logger } from 'pino';
import { openForwardAccept, openLinuxKernel, removeTables } from '../kernel/index.ts';
import { lockDirectory } from '../store/index.ts';
import type { Config } from './config.ts';
import { endResolver } from './resolver/index.ts';

/**
 * Removes every kernel object that is weft's: links, tables, rules in DOCKER-USER and in sandboxes; ends the resolver
 * process. The store stays. Refused while a
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
  log.info({ links: links.length }, 'every kernel object of weft is removed');
  return 0;
}
