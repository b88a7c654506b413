import { KernelError } from '../../core/errors.ts';
import type { NetlinkReply, NetlinkTransport } from '../netlink/index.ts';

export interface DumpRequest {
  readonly type: number;
  readonly flags: number;
  readonly payload: Uint8Array;
}

/** One dump, or one for each ifindex of the scope. */
export async function dumpEach(
  transport: NetlinkTransport,
  scope: readonly number[] | undefined,
  requests: (index: number | undefined) => readonly DumpRequest[],
): Promise<readonly NetlinkReply[]> {
  if (scope === undefined)
    return (await Promise.all(requests(undefined).map((each) => transport.dump(each)))).flat();
  return (await Promise.all(scope.flatMap(requests).map((each) => dumpOfLink(transport, each)))).flat();
}

/** A link that has gone since it was listed has nothing on it. */
export function dumpOfLink(
  transport: NetlinkTransport,
  request: DumpRequest,
): Promise<readonly NetlinkReply[]> {
  return dumpUnless(['ENODEV'], transport, request);
}

/** Nothing, where the kernel refuses with one of these. */
export async function dumpUnless(
  refusals: readonly string[],
  transport: NetlinkTransport,
  request: DumpRequest,
): Promise<readonly NetlinkReply[]> {
  try {
    return await transport.dump(request);
  } catch (error) {
    if (error instanceof KernelError && refusals.includes(error.errno)) return [];
    throw error;
  }
}
