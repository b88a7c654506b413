import type { Ip } from '../../core/address.ts';
import { Conflict, NotFound } from '../../core/errors.ts';
import { quote } from '../../core/ids.ts';
import { addressOf } from './target.ts';

/** An endpoint that a text may name. */
export interface Candidate {
  readonly id: string;
  /** Container name, once known. */
  readonly name?: string;
  readonly ips: readonly Ip[];
  /** Equal for endpoints of one network. */
  readonly network: string;
  /** Absent: this host. */
  readonly node?: string;
}

const SHOWN = 5;

/**
 * The endpoints that a text names: the one with that id, else all of the container of that name, else those with that
 * address, else the one whose id begins so.
 * @throws {Conflict} when ids of several begin so, naming up to five.
 */
export function matching<End extends Candidate>(ends: readonly End[], ref: string): readonly End[] {
  const ip = addressOf(ref);
  const byId = ends.filter(({ id }) => id === ref);
  if (byId.length > 0) return byId;
  const byName = ends.filter(({ name }) => name === ref);
  if (byName.length > 0) return byName;
  const byAddress = ip === undefined ? [] : ends.filter(({ ips }) => ips.includes(ip));
  if (byAddress.length > 0 || ip !== undefined) return byAddress;
  const byPrefix = ends.filter(({ id }) => id.startsWith(ref));
  if (byPrefix.length < 2) return byPrefix;
  const shown = byPrefix.slice(0, SHOWN).map(({ id, name }) => (name === undefined ? id : `${id} (${name})`));
  throw new Conflict(`${quote(ref)} names ${byPrefix.length} endpoints: ${shown.join(', ')}`, {
    endpoint: ref,
  });
}

/** The two ends of a way; of several endpoints those that share a network. `to` is an address where nobody has it. */
export interface Ends<End extends Candidate> {
  readonly from: End;
  readonly to: End | Ip;
}

/**
 * The endpoints of this host that a text names.
 * @throws {NotFound} when it names nothing.
 * @throws {Conflict} when it names several, or what it names is on another host.
 */
export function sendersNamed<End extends Candidate>(
  ends: readonly End[],
  from: string,
): readonly [End, ...End[]] {
  const senders = matching(ends, from);
  const [first, ...more] = senders.filter(({ node }) => node === undefined);
  const [elsewhere] = senders;
  if (first !== undefined) return [first, ...more];
  if (elsewhere === undefined) throw unknown(from, 'on this host');
  throw new Conflict(`${quote(from)} is on node ${elsewhere.node}: run weft explain there`, {
    node: elsewhere.node,
  });
}

/**
 * @throws {NotFound} when a text names nothing.
 * @throws {Conflict} when it names several, or the sender is on another host.
 */
export function resolveEnds<End extends Candidate>(
  ends: readonly End[],
  from: string,
  to: string,
): Ends<End> {
  const here = sendersNamed(ends, from);
  const [first] = here;
  const receivers = matching(ends, to);
  const [any] = receivers;
  const ip = addressOf(to);
  if (any === undefined) {
    if (ip === undefined) throw unknown(to, 'that this host knows of');
    return { from: here.length === 1 ? first : (nearest(here, ip) ?? first), to: ip };
  }
  for (const sender of here) {
    const receiver = receivers.find(({ network, id }) => network === sender.network && id !== sender.id);
    if (receiver !== undefined) return { from: sender, to: receiver };
  }
  return { from: first, to: any };
}

/** Of several endpoints of one container the one of that family. */
function nearest<End extends Candidate>(ends: readonly End[], ip: Ip): End | undefined {
  return ends.find(({ ips }) => ips.some((each) => each.includes(':') === ip.includes(':')));
}

function unknown(ref: string, where: string): NotFound {
  return new NotFound(`no endpoint ${where} has the id, name or address ${quote(ref)}`, {
    endpoint: ref,
  });
}
