import { KernelError } from '../../core/errors.ts';
import type { IfName } from '../../core/ids.ts';
import type { DummyLink } from '../../core/kernel-objects.ts';
import type { LinkFields, LinkMessage, NetlinkTransport } from '../netlink/index.ts';
import { create, type NamedRequest, set, UP, withoutLinkLocal } from './link-messages.ts';

/** Kinds that lead nowhere, the better one first: ifb drops whatever was not redirected to it (drivers/net/ifb.c). */
const KINDS = ['dummy', 'ifb'] as const;

/**
 * Makes the device, of the first kind that the kernel has; one that is there is left as it is.
 * @throws {KernelError} when the kernel has neither kind, or refuses for another reason.
 */
export async function makeDummy(transport: NetlinkTransport, { name }: DummyLink): Promise<void> {
  let refusal: unknown;
  for (const kind of KINDS) {
    const { step, ...request } = create({ name, info: { kind } }, `create ${kind} ${name}`);
    try {
      await transport.request(request, step);
      return;
    } catch (error) {
      const errno = error instanceof KernelError ? error.errno : undefined;
      if (errno === 'EEXIST') return;
      if (errno !== 'EOPNOTSUPP') throw error;
      refusal ??= error;
    }
  }
  throw refusal;
}

/** Requests that give the device its settings and bring it up. */
export function setUpDummy({ name, alias, mtu }: DummyLink, hasIpv6: boolean): readonly NamedRequest[] {
  const fields: LinkFields = {
    name,
    alias,
    ...(mtu === undefined ? {} : { mtu }),
    ...withoutLinkLocal(mtu, hasIpv6),
  };
  return [set(fields, {}, `configure ${name}`), set({ name }, UP, `bring up ${name}`)];
}

export function dummyObject({ fields }: LinkMessage): Omit<DummyLink, 'down'> | undefined {
  if (!KINDS.some((kind) => kind === fields.info?.kind)) return undefined;
  return {
    kind: 'link',
    type: 'dummy',
    name: (fields.name ?? '') as IfName,
    ...(fields.mtu === undefined ? {} : { mtu: fields.mtu }),
    alias: fields.alias ?? '',
  };
}
