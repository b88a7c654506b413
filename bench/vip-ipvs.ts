import { execFile, execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { CHECKOUT, NODE } from '../test/lab/index.ts';
import { backendOf, openVipScene, serviceOf, type VipHost, VipNamespace } from '../test/support/vip-scene.ts';
import { type Bench, roundsOf } from './harness/bench.ts';
import { fetchedProgram } from './harness/fetched-program.ts';
import type { Figure, Target, Unit } from './harness/figure.ts';
import { interleave, type Variant } from './harness/interleave.ts';
import { spreadOf } from './harness/statistics.ts';

const MILLISECONDS = 2000;
const PORTS = { bytes: 5000, echoes: 5001 } as const;
const READY_MS = 60_000;
const NOISE = 0.02;

type Kind = 'connects' | 'connect' | 'echo';

/** A virtual IP by weft's rules and by IPVS, which Swarm uses, each in the client's own namespace. */
export const vipIpvs: Bench = {
  name: 'vip-ipvs',
  title: `connections through a virtual IP, ${MILLISECONDS / 1000} s a time, one after the other`,
  other: 'IPVS',
  needsKernel: 'IPVS',
  async run(options) {
    execFileSync('modprobe', ['--all', 'ip_vs', 'ip_vs_rr']);
    if (!existsSync('/proc/net/ip_vs')) throw new Error('this kernel has no IPVS: scripts/vm runs another');
    await using scene = await openVipScene(3);
    const { client } = scene;
    const [first, second, third] = scene.backends;
    if (first === undefined || second === undefined || third === undefined) throw new Error('no backends');
    const service = serviceOf(1);
    const vip = service.vip4 ?? '';
    await using nft = await VipNamespace.open(client.namespace);
    await nft.set([{ service, backends: [backendOf(first), backendOf(second)] }]);
    balance(third, vip, [first, second]);
    using _servers = serve([first, second]);
    options.progress('measuring');
    const variants = { weft: measuring(client, vip), ipvs: measuring(third, vip) };
    const { weft, ipvs } = await interleave<keyof typeof variants, Kind>(
      variants,
      roundsOf(options, 15, 2),
      1,
    );
    const figure = (what: string, kind: Kind, unit: Unit, target: Target): Figure => ({
      what,
      unit,
      weft: spreadOf(weft[kind]),
      other: spreadOf(ipvs[kind]),
      target,
    });
    return [
      figure('connections', 'connects', '/s', { of: 'ratio', atLeast: 0.95, noise: NOISE }),
      figure('one connect()', 'connect', 'us', { of: 'ratio', atMost: 1 / 0.95, noise: NOISE }),
      figure('a byte there and back', 'echo', 'us', { of: 'ratio', atMost: 1 / 0.95, noise: NOISE }),
    ];
  },
};

/** As Swarm has it in a sandbox: round robin, network address translation, known to conntrack. */
function balance({ namespace }: VipHost, vip: string, backends: readonly VipHost[]): void {
  const ipvsadm = fetchedProgram('sbin/ipvsadm', [
    'ipvsadm',
    'libnl-3-200',
    'libnl-genl-3-200',
    'libpopt0',
  ]).join(' ');
  const lines = Object.values(PORTS).flatMap((port) => [
    `${ipvsadm} -A -t ${vip}:${port} -s rr`,
    ...backends.map(({ ipv4 }) => `${ipvsadm} -a -t ${vip}:${port} -r ${ipv4}:${port} -m`),
  ]);
  namespace.run(['sysctl -qw net.ipv4.vs.conntrack=1', ...lines].join('\n'));
}

function serve(backends: readonly VipHost[]): Disposable {
  const servers = backends.flatMap(({ namespace }) =>
    Object.entries(PORTS).map(([what, port]) => {
      const argv = [`--net=${namespace.path}`, NODE, script('tcp-target.ts'), what, String(port)];
      return spawn('nsenter', argv, { stdio: ['ignore', 'ignore', 'inherit'] });
    }),
  );
  return { [Symbol.dispose]: () => servers.forEach((server) => void server.kill('SIGKILL')) };
}

function measuring({ namespace }: VipHost, vip: string): Variant<Kind> {
  return async () => {
    const { perSecond, p50 } = await load(namespace.path, ['connects', vip, String(PORTS.bytes)]);
    const echo = await load(namespace.path, ['echoes', vip, String(PORTS.echoes)]);
    return { connects: perSecond, connect: p50, echo: echo.p50 };
  };
}

/** The servers may not listen yet. */
async function load(path: string, what: readonly string[]): Promise<{ perSecond: number; p50: number }> {
  const argv = [`--net=${path}`, NODE, script('tcp-load.ts'), ...what, String(MILLISECONDS)];
  const deadline = performance.now() + READY_MS;
  for (;;) {
    try {
      return JSON.parse((await promisify(execFile)('nsenter', argv)).stdout);
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await sleep(200);
    }
  }
}

function script(name: string): string {
  return join(CHECKOUT, 'bench/harness', name);
}
