import { execFileSync } from 'node:child_process';
import t, { type Test } from 'tap';
import { kernelState, kernelStateLike } from './kernel-witness.ts';
import { Sandbox } from './sandbox.ts';
import { WeftdProcess } from './weftd-process.ts';

/** What a case works with. */
export interface Scene {
  readonly weftd: WeftdProcess;
  /** Another machine on a LAN with this host, which is 192.0.2.1 and fd00:1a::1 there; it is .2 and ::2. */
  readonly lan: Sandbox;
}

/** A black-box case; what it leaves is removed by deleting its networks and pools and nothing else. */
export type Case = (t: Test, scene: Scene) => Promise<void>;

/**
 * Runs cases by name against one real weftd, each followed by the deletion of the networks and pools it left and a
 * look at kernel and store, which must then be as before. `CASE_ONLY` in the environment picks cases by name.
 */
export async function runCases(
  cases: Readonly<Record<string, Case>>,
  args: readonly string[] = [],
): Promise<void> {
  t.setTimeout(120_000);
  const lan = await openLan();
  const weftd = await WeftdProcess.start('--address-rest', '1s', ...args);
  const scene: Scene = { weftd, lan };
  try {
    for (const [name, body] of Object.entries(cases)) {
      if (!name.includes(process.env['CASE_ONLY'] ?? '')) continue;
      await t.test(name, async (t) => {
        const before = await kernelState();
        try {
          await body(t, scene);
        } finally {
          await removeAll(weftd);
        }
        t.same(await kernelStateLike(before), before, 'kernel is as before');
        t.same(pastLeases(weftd.records()), {}, 'the store holds no network, endpoint or pool');
      });
    }
    await t.test('weftd never stopped and logged no error', async (t) => {
      t.equal(weftd.running, true);
      t.same(weftd.logged(50), []);
    });
  } finally {
    await weftd[Symbol.asyncDispose]();
    lan[Symbol.dispose]();
  }
}

/** A machine on a LAN with this host: lan0, 192.0.2.1 and fd00:1a::1 here. */
export async function openLan(): Promise<Sandbox> {
  const lan = await Sandbox.open('lan');
  const sh = (script: string) => execFileSync('sh', ['-ec', script]);
  sh(`ip link add lan0 type veth peer name lan1
    ip link set lan1 netns ${lan.key}
    ip addr add 192.0.2.1/24 dev lan0; ip addr add fd00:1a::1/64 dev lan0 nodad; ip link set lan0 up`);
  lan.run(`ip addr add 192.0.2.2/24 dev lan1; ip addr add fd00:1a::2/64 dev lan1 nodad; ip link set lan1 up
    ip route add default via 192.0.2.1; ip -6 route add default via fd00:1a::1`);
  return lan;
}

/** Deletes every network and releases every pool that weftd knows, over the plugin sockets. */
export async function removeAll(weftd: WeftdProcess): Promise<void> {
  const networks =
    await weftd.control<readonly { id: string; driver: 'weft-bridge' | 'weft-none' }[]>('/v1/networks');
  for (const { id, driver } of networks) await weftd.net('DeleteNetwork', { NetworkID: id }, driver);
  const pools = await weftd.control<readonly { id: string }[]>('/v1/ipam');
  for (const { id } of pools) await weftd.ipam('ReleasePool', { PoolID: id });
}

/** The records of a store that stand for something Docker asked for. */
export function pastLeases(records: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(records).filter(([key]) => !OWN.test(key)));
}

/** What weftd keeps of itself: its ULA prefix and its place in its own cluster. */
const OWN = /^(ula$|cluster\/(member|address|alive|~leased\/alive)\/)/;
