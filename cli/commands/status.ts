import type { DriftTotal, Status } from '../../core/control.ts';
import { renderBlock } from '../block.ts';
import { EXIT, type ExitCode } from '../failure.ts';
import { type Session, writeJson } from '../session.ts';
import { storeCell } from '../store-text.ts';
import type { Cell } from '../table.ts';
import { ago, duration, plural } from '../time-text.ts';

/** `weft status`: exit 1 while weftd is not ready. */
export async function showStatus(session: Session, options: { readonly json?: boolean }): Promise<ExitCode> {
  const { client, terminal } = session;
  const status = await client.get<Status>('/v1/status');
  if (options.json === true) writeJson(terminal, status);
  else terminal.line(renderStatus(status, session));
  return status.ready ? EXIT.fine : EXIT.failed;
}

function renderStatus(status: Status, { terminal }: Session): string {
  const { counts, lastReconcile } = status;
  return renderBlock(
    [
      ['weftd', `${status.version}, up ${duration(status.uptimeSeconds)}`],
      ['state', status.ready ? { text: 'ready', tone: 'good' } : { text: 'not ready', tone: 'bad' }],
      ['node', `${status.node}, ${status.cluster.address}`],
      ['cluster', clusterCell(status.cluster)],
      [
        'fenced',
        status.cluster.reason === undefined ? undefined : { text: status.cluster.reason, tone: 'bad' },
      ],
      ['store', storeCell(status.store)],
      ['docker', engineCell(status.engine)],
      ['resolver', resolverCell(status.resolver)],
      ['networks', String(counts.networks)],
      ['endpoints', String(counts.endpoints)],
      ['ports', String(counts.ports)],
      ['pools', String(counts.pools)],
      ['services', String(counts.services)],
      ['reconciled', lastReconcile === undefined ? 'not yet' : reconcileText(lastReconcile, terminal.now())],
      ['repaired', driftText(status.drift)],
    ],
    terminal.paint,
  );
}

function clusterCell({ state, nodes }: Status['cluster']): Cell {
  switch (state) {
    case 'ready':
      return plural(nodes, 'node');
    case 'no-lease':
      return { text: `${plural(nodes, 'node')}, this one holds no lease`, tone: 'warning' };
    case 'fenced':
      return { text: 'this node takes no part', tone: 'bad' };
  }
}

function engineCell(engine: Status['engine']): Cell {
  if (!engine.configured) return 'not used';
  if (!engine.reachable) return { text: 'not reachable', tone: 'warning' };
  return engine.version === undefined ? 'reachable' : `reachable, version ${engine.version}`;
}

function resolverCell({ state, sandboxes, restarts, lastError }: Status['resolver']): Cell {
  const why = lastError === undefined ? '' : `: ${lastError}`;
  switch (state) {
    case 'off':
      return 'off';
    case 'on': {
      const again = restarts === 0 ? '' : `, restarted ${plural(restarts, 'time')}${why}`;
      return `on, ${plural(sandboxes, 'sandbox', 'sandboxes')}${again}`;
    }
    case 'restarting':
      return { text: `restarting${why}`, tone: 'warning' };
  }
}

function reconcileText(last: NonNullable<Status['lastReconcile']>, now: number): string {
  return `${ago(last.at, now)}, in ${Math.round(last.durationMs)} ms, ${plural(last.repairs, 'repair')}`;
}

function driftText(totals: readonly DriftTotal[]): string {
  const sum = totals.reduce((total, { count }) => total + count, 0);
  if (sum === 0) return 'nothing';
  const parts = totals.map(({ object, cause, count }) => `${count} ${object} ${cause}`);
  return `${plural(sum, 'object')} (${parts.join(', ')})`;
}
