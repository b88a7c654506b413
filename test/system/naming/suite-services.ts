import { setTimeout as delay } from 'node:timers/promises';
import type { Test } from 'tap';
import { until } from '../../lab/index.ts';
import { ask, type Place, pings, run, type Transport } from '../bridge/probe.ts';
import {
  inspect,
  type ServiceStage,
  type Staged,
  startBackend,
  statesAre,
  vipsOf,
  weft,
} from './service-stage.ts';

/** Enough for every backend of three to have its turn, whichever of two counters says whose it is. */
const ASKED = 8;
const DATAGRAMS = 10;
const AFFINITY_S = 2;
/** An INIT chunk (RFC 9260 section 3.3.2) from port 12345 to port 7. */
const SCTP_INIT = '3039000700000000000000000100001412345678000100000001000100000001';

/** A backend `w1`, `w2`, … on every host, and a second one where there is one host only. */
export async function startBackends(
  { nodes }: ServiceStage,
  labels: Readonly<Record<string, string>> = {},
): Promise<readonly [Staged, ...Staged[]]> {
  const [first, second = first] = nodes;
  if (first === undefined || second === undefined) throw new Error('no host');
  const one = await startBackend(first, 'w1', { labels });
  const more = [second, ...nodes.slice(2)];
  return [one, ...(await Promise.all(more.map((node, n) => startBackend(node, `w${n + 2}`, { labels }))))];
}

/** Every one of these backends ready. */
export function allReady(backends: readonly Staged[]): Record<string, string> {
  return Object.fromEntries(backends.map(({ name }) => [name, 'ready']));
}

/** Who answers so many questions in turn, each once, sorted; `nobody` for one without answer. */
export async function answering(
  from: Place,
  ip: string,
  { port = 80, transport = 'tcp' as Transport, count = ASKED } = {},
): Promise<readonly string[]> {
  const seen = new Set<string>();
  // A datagram may be lost, and the answer of a busy machine may come too late.
  const tries = transport === 'udp' ? DATAGRAMS : 1;
  const name = async () => {
    for (let left = tries; left > 0; left--) {
      const answer = await ask(from, ip, port, transport);
      if (answer !== undefined) return answer.name;
    }
    return 'nobody';
  };
  for (let n = 0; n < count; n++) seen.add(await name());
  return [...seen].sort();
}

/** Someone who asks. */
interface Client {
  readonly who: string;
  readonly from: Place;
  /** The backends it reaches, by name, sorted. */
  readonly reached: readonly string[];
}

/** Containers that only ask, one on each host, and the hosts themselves, which reach the backends they run. */
async function clientsOn(
  { nodes }: ServiceStage,
  backends: readonly Staged[],
): Promise<readonly [Client, ...Client[]]> {
  const namesOf = (some: readonly Staged[]) => some.map(({ name }) => name).sort();
  const clients: Client[] = [];
  for (const node of nodes) {
    const { name, docker, host } = node;
    const container = await docker.runContainer({ name: `client-${name}`, network: 'app' });
    clients.push({ who: `a container of ${name}`, from: container, reached: namesOf(backends) });
    const own = backends.filter((backend) => backend.node === node);
    clients.push({ who: `${name} itself`, from: host, reached: namesOf(own) });
  }
  const [first, ...others] = clients;
  if (first === undefined) throw new Error('no host');
  return [first, ...others];
}

async function carries(t: Test, stage: ServiceStage): Promise<void> {
  const backends = await startBackends(stage, { 'weft.service': 'whole' });
  const [one] = backends;
  const clients = await clientsOn(stage, backends);
  const create = ['service', 'create', 'mapped', '--network', 'app', '--select', 'all'];
  await weft(one.node, ...create, '--port', '8080:80', '--port', '8053:80/udp');
  await weft(one.node, 'service', 'create', 'self', '--network', 'app', '--select', 'w1');
  const whole = vipsOf(await statesAre(stage, 'whole', allReady(backends)));
  const mapped = vipsOf(await statesAre(stage, 'mapped', allReady(backends)));
  const own = vipsOf(await statesAre(stage, 'self', { w1: 'ready' }));
  const [client] = clients;
  const places: readonly Client[] = [...clients, { ...client, who: 'a backend', from: one.container }];
  for (const { who, from, reached } of places) {
    for (const vip of whole) {
      await until(`${who} reaches ${vip}`, () => ask(from, vip));
      t.same(await answering(from, vip), reached, `${who} by TCP, ${vip}`);
      t.same(await answering(from, vip, { transport: 'udp' }), reached, `${who} by UDP`);
      t.ok(await pings(from, vip), `${who} by echo`);
    }
    for (const vip of mapped) {
      t.same(await answering(from, vip, { port: 8080 }), reached, `${who} by a port that is mapped, ${vip}`);
      t.same(await answering(from, vip, { port: 8053, transport: 'udp' }), reached, `${who}, of UDP`);
      const at = vip.includes(':') ? `TCP6:[${vip}]:80` : `TCP4:${vip}:80`;
      t.match(
        (await run(from, ['socat', '-u', at, 'STDOUT'])).stderr,
        'refused',
        `${who}, not the one behind`,
      );
      t.ok(await pings(from, vip), `${who} by echo, to a service of ports`);
    }
  }
  for (const vip of own) {
    t.same(await answering(one.container, vip, { count: 3 }), ['w1'], `it reaches itself at ${vip}`);
    t.same(await answering(one.container, vip, { count: 3, transport: 'udp' }), ['w1'], 'by UDP');
    t.ok(await pings(one.container, vip), 'by echo');
  }
  await sctp(t, client.from, whole[0], backends);
}

async function sctp(t: Test, from: Place, vip: string, backends: readonly Staged[]): Promise<void> {
  const send = `echo ${SCTP_INIT} | xxd -r -p | socat -u - ip4-sendto:${vip}:132; conntrack -L -p sctp`;
  const { stdout } = await run(from, ['sh', '-c', send]);
  const ends = await Promise.all(backends.map(({ container }) => container.endpoint('app')));
  const [, backend = ''] = new RegExp(`dst=${vip} sport=12345 dport=7 .*?src=(\\S+)`).exec(stdout) ?? [];
  t.ok(
    ends.some(({ IPAddress }) => IPAddress === backend),
    `SCTP to ${vip} goes to ${backend}`,
  );
}

async function affinity(t: Test, stage: ServiceStage): Promise<void> {
  const labels = { 'weft.service': 'bysource', 'weft.service.affinity': 'client' };
  const backends = await startBackends(stage, labels);
  const [{ node }] = backends;
  const create = ['service', 'create', 'sticky', '--network', 'app', '--select', 'all'];
  await weft(node, ...create, '--affinity', 'client', '--affinity-timeout', `${AFFINITY_S}s`);
  const bySource = vipsOf(await statesAre(stage, 'bysource', allReady(backends)));
  const sticky = vipsOf(await statesAre(stage, 'sticky', allReady(backends)));
  for (const { who, from, reached } of await clientsOn(stage, backends)) {
    for (const vip of bySource) {
      await until(`${who} reaches ${vip}`, () => ask(from, vip));
      t.equal((await answering(from, vip)).length, 1, `${who} keeps its backend by its address, ${vip}`);
    }
    for (const vip of sticky) {
      const [first, ...others] = await answering(from, vip, { count: 5 });
      t.same(others, [], `${who} is remembered with ${first}, ${vip}`);
      if (reached.length < 2) continue;
      const another = await until(
        `${who} is forgotten`,
        async () => {
          await delay(1000 * AFFINITY_S + 200);
          const [name] = await answering(from, vip, { count: 1 });
          return name !== first && name;
        },
        { timeoutMs: 30_000 },
      );
      t.not(another, 'nobody', `after ${AFFINITY_S} s without a connection it has its turn like any other`);
    }
  }
}

async function readiness(t: Test, stage: ServiceStage): Promise<void> {
  const [node] = stage.nodes;
  if (node === undefined) throw new Error('no host');
  const told = await startBackend(node, 'told', {
    labels: { 'weft.service': 'docker' },
    healthCommand: 'test -e /tmp/well',
  });
  const asked = await startBackend(node, 'asked', {
    labels: { 'weft.service': 'probe', 'weft.service.health': 'tcp:9' },
  });
  for (const [{ container, name }, service, well, ill] of [
    [told, 'docker', ['touch', '/tmp/well'], ['rm', '/tmp/well']],
    [asked, 'probe', ['sh', '-c', LISTEN], ['sh', '-c', 'kill $(cat /tmp/nine)']],
  ] as const) {
    const vips = vipsOf(
      await until(`${service} is known`, async () => {
        const known = await inspect(node, service);
        return known.backendCount === 1 && known;
      }),
    );
    for (const vip of vips) t.equal(await ask(node.host, vip), undefined, `${vip}: it is not well yet`);
    await container.exec(well);
    await statesAre(stage, service, { [name]: 'ready' });
    for (const vip of vips) t.match(await ask(node.host, vip), { name }, `${vip}: it is well`);
    await container.exec(ill);
    await statesAre(stage, service, { [name]: 'failing' });
    for (const vip of vips) t.equal(await ask(node.host, vip), undefined, `${vip}: it is not`);
  }
}

const LISTEN = `socat TCP6-LISTEN:9,fork,reuseaddr PIPE >/dev/null 2>&1 & echo $! > /tmp/nine`;

async function shown(t: Test, stage: ServiceStage): Promise<void> {
  const backends = await startBackends(stage, { 'weft.service': 'shop', 'weft.service.port': '80' });
  const [{ node }] = backends;
  await weft(node, 'service', 'update', 'shop', '--weight', 'w2=3');
  const vips = vipsOf(await statesAre(stage, 'shop', allReady(backends)));
  const client = await node.docker.runContainer({ name: 'client', network: 'app' });
  for (const vip of vips) {
    await until(`${vip} answers`, () => ask(client, vip));
    await answering(client, vip);
  }
  const asked = 2 * (ASKED + 1);
  const detail = await inspect(node, 'shop');
  const sum = (what: 'connections' | 'bytes' | 'packets') =>
    detail.backends.reduce((all, backend) => all + (backend[what] ?? 0), 0);
  t.equal(sum('connections'), asked, 'every connection is counted once');
  t.ok(sum('packets') >= 8 * asked, `${sum('packets')} packets`);
  t.ok(sum('bytes') >= 8 * 40 * asked, `${sum('bytes')} bytes`);
  t.match(
    detail.backends.map(({ name, state, weight }) => [name, state, weight]).sort(),
    backends.map(({ name }) => [name, 'ready', name === 'w2' ? 3 : 1]),
  );
  const text = await weft(node, 'service', 'inspect', 'shop');
  t.match(text, /BACKEND +NODE +IPV4 +IPV6 +STATE +WEIGHT +CONNECTIONS +PACKETS +TRAFFIC/);
  for (const { name, connections } of detail.backends)
    t.match(text, new RegExp(`${name} .* ready +[13] +${connections} `), `${name} in words`);
}

/** What a service does, on any driver. */
export const SERVICES = {
  'TCP, UDP, echo and SCTP, whole and mapped, from containers, hosts and itself': carries,
  'a client keeps its backend': affinity,
  'backends are ready when Docker or a probe says so': readiness,
  'inspect shows backends with their state, weight and counts': shown,
} as const;
