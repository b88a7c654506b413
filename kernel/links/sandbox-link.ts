import { closeSync } from 'node:fs';
import type { Ip } from '../../core/address.ts';
import { type EthernetLink, linkWithAddress } from './address-place.ts';
import { openSandbox } from './sandbox.ts';

/**
 * The link in a sandbox that has an address; undefined when none has, or the sandbox is gone.
 * @throws {KernelError}
 */
export async function sandboxLinkWith(namespace: string, ip: Ip): Promise<EthernetLink | undefined> {
  const sandbox = openSandbox(namespace);
  if (sandbox === undefined) return undefined;
  closeSync(sandbox.descriptor);
  await using inside = sandbox.inside;
  return await linkWithAddress(inside, ip);
}
