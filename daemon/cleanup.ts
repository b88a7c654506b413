import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Logger } from 'pino';
import { deletions } from '../core/diff.ts';
import { errorMessage } from '../core/errors.ts';
import { isLanLink, type KernelObject } from '../core/kernel-objects.ts';
import { drivers } from '../drivers/index.ts';
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
  const endpoints = await storedEndpoints(config, log);
  await kernel.apply(deletions(endpoints.flatMap(({ plan }) => plan.filter(isLanLink))));
  await using forwardAccept = await openForwardAccept();
  await forwardAccept.remove();
  await removeTables();
  await endResolver({ runDir: config.runDir, log });
  await removeVips(new Set(endpoints.flatMap(({ directory }) => directory ?? [])));
  log.info({ links: links.length }, 'every kernel object of weft is removed');
  return 0;
}

/** An endpoint as it is stored: what it has in the kernel, and where its sandbox is. */
interface StoredEndpoint {
  readonly plan: readonly KernelObject[];
  readonly directory?: string;
}

/** What is stored; nothing when the store cannot be read, which must not stop a cleanup. */
async function storedEndpoints(config: Config, log: Logger): Promise<readonly StoredEndpoint[]> {
  const path = `${config.stateDir}/weft.db`;
  if (!existsSync(path)) return [];
  try {
    await using store = await openSqliteStore({ path, warn: (message) => log.warn(message) });
    const repository = await Repository.load(store);
    return [...repository.endpoints()].map((endpoint) => {
      const network = repository.network(endpoint.request.networkId);
      const plan = network && drivers.get(network.driver)?.planEndpoint(network, endpoint);
      const { attachment } = endpoint;
      return { plan: plan ?? [], ...(attachment ? { directory: dirname(attachment.sandboxKey) } : {}) };
    });
  } catch (error) {
    log.warn({ error: errorMessage(error) }, 'the store does not say where sandboxes are');
    return [];
  }
}
