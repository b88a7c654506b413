import type { SandboxKey } from '../../core/ids.ts';
import type { TableObject } from '../../core/kernel-objects.ts';
import { REDIRECT_TABLE, type RedirectPorts, redirectTable } from '../../discovery/index.ts';
import { Nftables, tableObject } from '../../kernel/nftables/index.ts';

/**
 * Makes a sandbox's redirect so; `docker`: as without weft. Holds nothing of the sandbox's afterwards.
 * @throws {KernelError} `ENOENT` or `EINVAL` when there is no such namespace.
 */
export async function installRedirect(key: SandboxKey, to: RedirectPorts | 'docker'): Promise<void> {
  await using nftables = await open(key);
  if (to === 'docker') await nftables.cleanup();
  else await nftables.apply([{ op: 'create', object: tableOf(to) }]);
}

/** What was found of a redirect that had been made before. */
export interface RedirectCheck {
  /** What had to be done; absent: nothing. */
  readonly action?: 'created' | 'replaced';
  /** Number of the namespace's ruleset when it was as it should be; undefined when that is not known. */
  readonly generation: number | undefined;
}

/**
 * Makes a redirect so again where somebody else has changed it: a container that may can flush all rules.
 * @param generation what the last check gave: where it is still the same, nothing else is read.
 * @throws {KernelError} as `installRedirect`.
 */
export async function checkRedirect(
  key: SandboxKey,
  to: RedirectPorts,
  generation: number | undefined,
): Promise<RedirectCheck> {
  await using nftables = await open(key);
  const now = nftables.generationNow();
  if (now !== undefined && now === generation) return { generation };
  const table = tableOf(to);
  const [found] = (await nftables.snapshot()).filter(({ kind }) => kind === 'table');
  if (found?.kind === 'table' && found.fingerprint === table.fingerprint) return { generation: now };
  await nftables.apply([{ op: 'create', object: table }]);
  return { action: found === undefined ? 'created' : 'replaced', generation: undefined };
}

function open(key: SandboxKey): Promise<Nftables> {
  return Nftables.open({ namespace: key, tables: [REDIRECT_TABLE] });
}

function tableOf(to: RedirectPorts): TableObject {
  return tableObject(redirectTable(to));
}
