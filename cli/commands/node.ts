import type { NodeList, NodeRemoval, NodeView } from '../../core/control.ts';
import { EXIT, type ExitCode } from '../failure.ts';
import { writeList } from '../list-output.ts';
import { printable } from '../printable.ts';
import { type ListOptions, type Session, writeJson } from '../session.ts';
import type { Cell, Column } from '../table.ts';
import { ago, duration, plural } from '../time-text.ts';
import type { Tone } from '../tone.ts';

const STATE_TONES: Readonly<Record<NodeView['state'], Tone>> = {
  ready: 'good',
  'no-lease': 'warning',
  dead: 'bad',
  fenced: 'bad',
};

/** `weft node ls` */
export async function listNodes(session: Session, options: ListOptions): Promise<ExitCode> {
  const { client, terminal } = session;
  const list = await client.get<NodeList>('/v1/nodes');
  if (options.json === true) {
    writeJson(terminal, list);
    return EXIT.fine;
  }
  const { nodes, store } = list;
  writeList(session, options, { noun: 'node', columns: columns(terminal.now()), rows: nodes });
  const notices = nodes.flatMap(({ name, reason }) => (reason === undefined ? [] : [`${name}: ${reason}`]));
  if (!store.connected) {
    const why = store.lastError === undefined ? '' : ` (${store.lastError})`;
    notices.push(`the store has not answered for ${duration(store.ageMs / 1000)}${why}: this is as of then`);
  }
  if (notices.length > 0) terminal.line('');
  for (const notice of notices) terminal.line(terminal.paint(printable(notice), 'warning'));
  return EXIT.fine;
}

function columns(now: number): Column<NodeView>[] {
  return [
    { header: 'NODE', cell: ({ name, self }) => (self ? `${name} (this host)` : name), shrinks: true },
    { header: 'ADDRESS', cell: ({ address }) => address },
    { header: 'STATE', cell: stateCell },
    { header: 'VERSION', cell: ({ version }) => version ?? '' },
    { header: 'UP SINCE', cell: ({ since }) => (since === undefined ? '' : ago(since, now)) },
    { header: 'NETWORKS', cell: networksText, align: 'right' },
    { header: 'ENDPOINTS', cell: ({ endpoints }) => String(endpoints), align: 'right' },
  ];
}

function stateCell({ state }: NodeView): Cell {
  return { text: state === 'no-lease' ? 'no lease' : state, tone: STATE_TONES[state] };
}

function networksText({ networks, refused }: NodeView): string {
  return refused === 0 ? String(networks) : `${networks} (${refused} refused)`;
}

/** Options of `weft node rm`. */
export interface NodeRemovalOptions {
  readonly force?: boolean;
  readonly json?: boolean;
}

/**
 * `weft node rm`
 * @throws {Failure} exit 1 when it is this host, lives and --force is not given, or is not known.
 */
export async function removeNode(
  { client, terminal }: Session,
  name: string,
  options: NodeRemovalOptions,
): Promise<ExitCode> {
  const query = options.force === true ? '?force=true' : '';
  const removed = await client.remove<NodeRemoval>(`/v1/nodes/${encodeURIComponent(name)}${query}`);
  if (options.json === true) {
    writeJson(terminal, removed);
    return EXIT.fine;
  }
  const parts = [
    plural(removed.endpoints, 'endpoint'),
    plural(removed.networks, 'network membership'),
    plural(removed.blocks, 'address block'),
    ...(removed.addresses === 0 ? [] : [`${removed.addresses} of others’ addresses`]),
  ];
  terminal.line(`node ${printable(removed.name)} removed, with ${parts.join(', ')}`);
  return EXIT.fine;
}
