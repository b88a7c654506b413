import { join } from 'node:path';
import type { Test } from 'tap';
import type { ServiceDetail } from '../../../core/control.ts';
import { CHECKOUT, NODE, until } from '../../lab/index.ts';
import type { IdleOutcome } from '../../support/idle-connections.ts';
import type { OverlayScene, Placed } from '../overlay/overlay-scene.ts';
import { placed } from '../overlay/overlay-scene.ts';

const PROGRAM = join(CHECKOUT, 'test/support/idle-connections.ts');
const CONNECTIONS = 12;
/** For how long the kernel remembers a connection, shortened. */
const TIMEOUT_S = 1;
const IDLE_MS = 3500;

async function idle(t: Test, scene: OverlayScene): Promise<void> {
  const { base4, base6 } = await scene.dualNetwork('app');
  const echo = 'socat TCP4-LISTEN:7,fork,reuseaddr PIPE & socat TCP6-LISTEN:7,ipv6only=1,fork,reuseaddr PIPE';
  const labels = { 'weft.service': 'echo', 'weft.service.port': '7', 'weft.service.health': 'tcp:7' };
  for (const node of scene.nodes) {
    const cmd = ['sh', '-c', echo];
    await node.docker.runContainer({ name: `echo-${node.name}`, network: 'app', cmd, labels });
  }
  const [one] = scene.three;
  const client = await placed(one, await one.docker.runContainer({ name: 'client', network: 'app' }), 'app');
  const { vip4 = '', vip6 = '' } = await until('the service is ready', async () => {
    const service = await one.weftJson<ServiceDetail>('service', 'inspect', 'echo');
    return service.readyCount === scene.nodes.length && service;
  });
  const shorten = ['sysctl', '-qw', `net.netfilter.nf_conntrack_tcp_timeout_established=${TIMEOUT_S}`];
  await client.container.netExec(shorten);
  for (const node of scene.nodes) await node.host.exec(shorten);
  for (const loose of [1, 0]) {
    await client.container.netExec(['sysctl', '-qw', `net.netfilter.nf_conntrack_tcp_loose=${loose}`]);
    for (const [vip, base] of [
      [vip4, base4],
      [vip6, base6],
    ] as const) {
      const outcomes = await outcomesOf(client, vip);
      const what = `${base}, ${loose === 1 ? 'connections are picked up' : 'nothing is picked up'}`;
      t.equal(outcomes.length, CONNECTIONS);
      t.notOk(outcomes.includes('hangs'), `${what}: ${outcomes.join(', ')}`);
    }
  }
  await client.container.netExec([
    ...shorten.slice(0, 2),
    'net.netfilter.nf_conntrack_tcp_timeout_established=60',
  ]);
  const kept = await outcomesOf(client, vip4);
  t.same(new Set(kept), new Set(['goes on']), 'what the client’s kernel remembers goes on');
}

async function outcomesOf({ container }: Placed, vip: string): Promise<readonly IdleOutcome[]> {
  const argv = [NODE, PROGRAM, vip, '7', String(CONNECTIONS), String(IDLE_MS)];
  return JSON.parse(await container.netExec(argv)) as IdleOutcome[];
}

/** Connections that are idle for longer than connection tracking remembers them. */
export const IDLE = { 'idle connections through a virtual IP': idle } as const;
