import '../support/own-namespace.ts';
import t from 'tap';
import { Conflict } from '../../core/errors.ts';
import { MirroredStore, openEtcdStore } from '../../store/index.ts';
import { MemoryStore } from '../fakes/memory-store.ts';
import { ETCDS, type EtcdCluster, startEtcd } from '../lab/etcd.ts';
import type { EtcdMember } from '../lab/etcd-member.ts';
import { createMachine, createUnderlay, type Machine, until } from '../lab/index.ts';
import { WatchRecorder } from '../support/etcd-writers.ts';

t.setTimeout(600_000);
const LONG = { timeoutMs: 60_000 };
const log = { info: () => undefined, warn: () => undefined };
const put = (key: string) => ({ put: [{ key, value: Buffer.from('1') }] });

/** Cuts a member off from the other members, not from its clients, or heals that. */
async function setPeers(machine: Machine, state: 'cut' | 'healed'): Promise<void> {
  if (state === 'healed') {
    await machine.exec(['nft', 'delete', 'table', 'inet', 'cut']);
    return;
  }
  const input = `table inet cut {
    chain in { type filter hook input priority 0; tcp dport 2380 drop; tcp sport 2380 drop; }
    chain out { type filter hook output priority 0; tcp dport 2380 drop; tcp sport 2380 drop; }
  }`;
  await machine.exec(['nft', '-f', '-'], { input });
}

function machineOf(etcd: EtcdCluster, machines: readonly Machine[], member: EtcdMember): Machine {
  const machine = machines[etcd.members.indexOf(member)];
  if (machine === undefined) throw new Error('a member without a machine');
  return machine;
}

const lan = await createUnderlay();
t.teardown(() => lan[Symbol.asyncDispose]());
// This process's own namespace is one more host of the LAN.
await lan.attach(process.pid, lan.takeAddress());

for (const version of ETCDS) {
  t.test(`etcd ${version}: members cut off from each other, and hosts from members`, async (t) => {
    const machines = await Promise.all([1, 2, 3].map(() => createMachine(lan)));
    await using etcd = await startEtcd({ version, members: 3, on: machines });
    await using direct = await openEtcdStore({ endpoints: etcd.url, log });
    await using store = await openEtcdStore({ endpoints: etcd.url, log });
    await using mirror = await MirroredStore.open({ shared: store, local: new MemoryStore(), log });
    await mirror.ready;
    await using lease = await mirror.lease(60);
    await using recorder = new WatchRecorder(store, 'k/', mirror.status.revision);
    const wanted: string[] = [];
    const arrives = async (key: string) => {
      const started = performance.now();
      await until(
        'a majority takes it',
        async () => {
          const put = { put: [{ key, value: Buffer.from('1') }], expect: [{ key, revision: 0n }] };
          const error = await direct.commit(put).then(
            () => undefined,
            (thrown: unknown) => thrown,
          );
          return error === undefined || error instanceof Conflict;
        },
        LONG,
      );
      await until('the mirror sees it', () => mirror.get(key), LONG);
      wanted.push(`put ${key}`);
      await until('the watch does', () => recorder.lines.at(-1) === `put ${key}`, LONG);
      return Math.round(performance.now() - started);
    };

    // Whichever member the watches are at, its turn comes.
    for (const member of etcd.members) {
      const machine = machineOf(etcd, machines, member);
      await arrives(`k/${member.name}/before`);
      await setPeers(machine, 'cut');
      const ms = await arrives(`k/${member.name}/cut`);
      t.ok(ms < 20_000, `${member.name} alone: seen after ${ms} ms`);
      await setPeers(machine, 'healed');
      await member.healthy();
      await arrives(`k/${member.name}/healed`);
    }
    t.same(recorder.lines, wanted, 'every change once and in order');

    for (const machine of machines) await machine.exec(['ip', 'link', 'set', 'eth0', 'down']);
    const started = performance.now();
    const refused = await mirror.commit(put('away')).catch((error) => error);
    t.equal(refused.code, 'unavailable', 'with all of them gone from the LAN a commit is refused');
    t.ok(performance.now() - started < 4500, 'in time');
    await until('the status says so', () => !mirror.status.connected, LONG);
    for (const machine of machines) await machine.exec(['ip', 'link', 'set', 'eth0', 'up']);
    for (const member of etcd.members) await member.healthy();
    await until('it is connected again', () => mirror.status.connected, LONG);
    await mirror.commit(put('back'));
    t.ok(mirror.get('back'), 'and taken when they are back');
    t.notOk(lease.lost.aborted);
    await recorder.stop();
  });
}
