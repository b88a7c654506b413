import t, { type Test } from 'tap';
import { linkName } from '../../../core/names.ts';
import { poll } from '../../support/poll.ts';
import { openScratchNamespace } from '../../support/scratch-namespace.ts';
import { CUTTING, type DriftCase, QUIET } from './drift-cases.ts';
import { engineLife, plumb, unplumb } from './engine-calls.ts';
import { FaultLab, into } from './fault-lab.ts';
import { hostView, kernelView } from './host-view.ts';
import { finished, start } from './traffic.ts';

/** What is changed behind weft's back is as before within two seconds, and weft says so. */
const REPAIRED_MS = 2000;
const CHURN_MS = 20_000;

interface Report {
  readonly totals: readonly { readonly object: string; readonly cause: string; readonly count: number }[];
}

async function repairs(lab: FaultLab, kind?: string): Promise<number> {
  const { totals } = await lab.host.control<Report>('/v1/drift');
  return totals
    .filter(({ object, cause }) => cause !== 'start' && (kind === undefined || object === kind))
    .reduce((sum, { count }) => sum + count, 0);
}

/** The host, the store, and the inside of both containers. */
async function everything(lab: FaultLab): Promise<readonly string[]> {
  const inside = await Promise.all(lab.containers.map((each) => kernelView(into(each))));
  return [...(await hostView(lab.host)), ...inside.flatMap((view, i) => view.map((line) => `${i} ${line}`))];
}

async function repaired(t: Test, lab: FaultLab, { name, script, kind }: DriftCase): Promise<void> {
  const { host, lives } = lab;
  const [life] = lives;
  if (life === undefined) throw new Error('no container');
  const names = `bridge=${linkName('wb', life.networkId)}; one=${linkName('wv', life.endpointId)};`;
  const before = await everything(lab);
  const count = await repairs(lab, kind);
  const changedAt = performance.now();
  host.namespace.run(`${names} ${script}`);
  let now: readonly string[] = [];
  let took = 0;
  const isRepaired = async (): Promise<boolean> => {
    const counted = await repairs(lab, kind);
    now = await everything(lab);
    took = Math.round(performance.now() - changedAt);
    return counted > count && now.join('\n') === before.join('\n');
  };
  await poll(isRepaired, 8000).catch(() => undefined);
  t.same(differences(before, now), [], `${name}: all is as before`);
  t.ok(took < REPAIRED_MS, `${name}: repaired after ${took} ms`);
  t.ok((await repairs(lab, kind)) > count, `${name}: counted as ${kind}`);
}

function differences(before: readonly string[], now: readonly string[]): readonly string[] {
  return [
    ...before.filter((each) => !now.includes(each)).map((each) => `- ${each}`),
    ...now.filter((each) => !before.includes(each)).map((each) => `+ ${each}`),
  ];
}

/** A network and a container made and unmade again and again until `until`. @returns how often. */
async function churn(lab: FaultLab, number: number, until: number): Promise<number> {
  using sandbox = await openScratchNamespace();
  const life = engineLife(number, sandbox);
  let rounds = 0;
  while (performance.now() < until) {
    for (const { name, method, argument, link } of life.calls) {
      // The published ports are the same in every loop.
      if (name.includes('ExternalConnectivity')) continue;
      await lab.host.done(method, argument);
      if (link === 'plumb') plumb(lab.host, sandbox, life, number);
      if (link === 'unplumb') unplumb(lab.host, sandbox, life);
    }
    rounds++;
  }
  return rounds;
}

t.setTimeout(400_000);

t.test('drift is repaired, and nothing else is', async (t) => {
  await using lab = await FaultLab.open();
  await t.test('normal life is no drift', async (t) => {
    const until = performance.now() + CHURN_MS;
    const rounds = await Promise.all([60, 61, 62].map((number) => churn(lab, number, until)));
    t.ok(Math.min(...rounds) > 5, `${rounds.join(', ')} networks and containers came and went`);
    t.same(await lab.host.control<Report>('/v1/drift').then(late), [], 'nothing was repaired');
    // The last bridges go a moment after Docker has its answer.
    const networks = new Set(lab.lives.map(({ networkId }) => networkId)).size;
    const count = 'ip -o link show type bridge | grep -c ": wb-"';
    const isQuiet = async () => Number(lab.host.namespace.run(count)) === networks;
    await poll(isQuiet, 8000);
  });
  await t.test('changes beside the traffic', async (t) => {
    for (const each of QUIET) await repaired(t, lab, each);
    const { pings, stream } = await lab.stopTraffic();
    t.ok(pings.sent > 100);
    t.equal(pings.received, pings.sent, `none of ${pings.sent} pings is lost`);
    t.equal(stream.failure, '', 'the TCP stream goes on');
    t.equal(stream.echoed, stream.sent);
  });
  await t.test('changes that cut the containers off', async (t) => {
    for (const each of CUTTING) {
      await repaired(t, lab, each);
      t.ok(await reaches(lab), `${each.name}: the containers reach each other`);
    }
  });
  await t.test('the repairs are told', async (t) => {
    const all = await repairs(lab);
    const metrics = lab.host.namespace.run('curl -s http://127.0.0.1:9470/metrics');
    const lines = metrics.split('\n').filter((line) => line.startsWith('weft_drift_repairs_total{'));
    const counted = lines
      .filter((line) => !line.includes('cause="start"'))
      .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
    t.ok(all >= QUIET.length + CUTTING.length);
    t.equal(counted, all, 'metrics count the same repairs');
    const weft = start(lab.host.enter, [
      process.execPath,
      'cli/main.ts',
      '--socket',
      lab.host.controlSocket,
      'drift',
      '--json',
    ]);
    const report = JSON.parse(await finished(weft)) as Report;
    t.same(report.totals, (await lab.host.control<Report>('/v1/drift')).totals, 'weft drift says so too');
  });
});

function late({ totals }: Report): Report['totals'] {
  return totals.filter(({ cause }) => cause !== 'start');
}

async function reaches(lab: FaultLab): Promise<boolean> {
  const ping = start(into(lab.containers[1]), ['ping', '-q', '-c', '1', '-W', '2', '10.50.0.2']);
  await finished(ping);
  return ping.child.exitCode === 0;
}
