import type { Status } from '../../core/control.ts';
import { EXIT, Failure } from '../failure.ts';
import type { Session } from '../session.ts';

/**
 * `weft node …`: says why there is nothing to list or remove.
 * @throws {Failure} always: exit 1, or 3 when weftd is not reachable.
 */
export async function refuseNodes({ client }: Session): Promise<never> {
  const { node, store } = await client.get<Status>('/v1/status');
  const why =
    store.kind === 'embedded' ? 'the embedded store serves one host' : 'this version has no node commands';
  throw new Failure(EXIT.failed, `there are no nodes to manage: ${why} (${node})`);
}
