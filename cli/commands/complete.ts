import type { EndpointView, IpamPoolView, NetworkView, NodeList, ServiceView } from '../../core/control.ts';
import type { CompletionKind } from '../completion/tree.ts';
import { EXIT, type ExitCode, Failure } from '../failure.ts';
import type { Session } from '../session.ts';

const SHORT_ID = 12;
/** A shell may expand what it is offered, so nothing else is. */
const SAFE = /^[\w.:/-]+$/;

/**
 * `weft __complete KIND WORD`: what WORD may become, one a line. Nothing when weftd does not answer: a completion
 * must not disturb the command line with errors.
 */
export async function completeRefs(session: Session, kind: CompletionKind, word: string): Promise<ExitCode> {
  try {
    const candidates = (await refsOf(session, kind)).flatMap((ref) => matching(ref, word));
    for (const candidate of candidates) if (SAFE.test(candidate)) session.terminal.line(candidate);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
  }
  return EXIT.fine;
}

interface Ref {
  readonly id: string;
  readonly name?: string;
}

async function refsOf({ client }: Session, kind: CompletionKind): Promise<readonly Ref[]> {
  switch (kind) {
    case 'network':
      return client.get<NetworkView[]>('/v1/networks');
    case 'endpoint':
      return client.get<EndpointView[]>('/v1/endpoints');
    case 'pool':
      return (await client.get<IpamPoolView[]>('/v1/ipam')).map(({ id }) => ({ id, name: id }));
    case 'node':
      return (await client.get<NodeList>('/v1/nodes')).nodes.map(({ name }) => ({ id: name, name }));
    case 'service': {
      const names = (await client.get<ServiceView[]>('/v1/services')).map(({ name }) => name);
      return [...new Set(names)].map((name) => ({ id: name, name }));
    }
  }
}

/** Its name; its id only where it has no name or the word already looks like that id. */
function matching({ id, name }: Ref, word: string): readonly string[] {
  if (name?.startsWith(word) === true) return [name];
  if (!id.startsWith(word) || (word === '' && name !== undefined)) return [];
  return [word.length > SHORT_ID ? id : id.slice(0, SHORT_ID)];
}
