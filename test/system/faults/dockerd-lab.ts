import { join } from 'node:path';
import type { Test } from 'tap';
import {
  CHECKOUT,
  type Container,
  createHost,
  createMachine,
  createUnderlay,
  type EngineSeries,
  type Host,
  type LabProcess,
  type Machine,
  NODE,
  until,
  type Weftd,
} from '../../lab/index.ts';
import { programPath } from '../../support/programs.ts';
import { pingTotals } from './traffic.ts';

export const GRACE = ['--gc-grace', '3s', '--resolver', 'off'] as const;
const STREAM_PORT = 9000;

/** A real engine with weftd beside it, and a machine on the same LAN. */
export interface DockerdLab extends AsyncDisposable {
  readonly host: Host;
  readonly machine: Machine;
}

/** Boots it; weftd is not started. */
export async function openDockerdLab(engine: EngineSeries, hasLiveRestore = false): Promise<DockerdLab> {
  const underlay = await createUnderlay();
  const [host, machine] = await Promise.all([
    createHost({ underlay, engine, hasLiveRestore }),
    createMachine(underlay),
  ]);
  return { host, machine, [Symbol.asyncDispose]: () => underlay[Symbol.asyncDispose]() };
}

/** Starts weftd with a short grace period and waits until it is ready. */
export async function startWeftd(host: Host, args: readonly string[] = []): Promise<Weftd> {
  const weftd = await host.startWeftd([...GRACE, ...args]);
  await weftd.waitReady();
  return weftd;
}

/** Starts the weftd that waits before the first commit of a call (fault-points.ts). */
export async function startDelayedWeftd(host: Host, method: string, ms: number): Promise<LabProcess> {
  const argv = [NODE, programPath('weftdWithFaults'), '--state-dir', host.stateDir, ...GRACE];
  const weftd = await host.spawn(argv, { WEFT_DELAY: `${method}:${ms}` });
  await weftd.line('ready', (line) => line.includes('"msg":"ready"'));
  return weftd;
}

/** Two containers on `network`, one of them with an echo server that is published on port 9000. */
export async function talkers(
  host: Host,
  network: string,
): Promise<{ readonly server: Container; readonly peer: Container }> {
  const server = await host.docker.runContainer({
    name: `server-${network}`,
    network,
    ports: [`${STREAM_PORT}:${STREAM_PORT}`],
    cmd: ['nc', '-ll', '-p', String(STREAM_PORT), '-e', 'cat'],
  });
  return { server, peer: await host.docker.runContainer({ name: `peer-${network}`, network }) };
}

/** Pings between two containers and a TCP stream from the LAN, all the while `act` runs: nothing is lost, or `mayLose` pings. */
export async function undisturbed(
  t: Test,
  { host, machine }: DockerdLab,
  { server, peer }: { readonly server: Container; readonly peer: Container },
  act: () => Promise<void>,
  mayLose = 0,
): Promise<void> {
  const { IPAddress } = await server.endpoint();
  const { Pid } = (await peer.inspect()).State;
  const enter = ['nsenter', `--net=/proc/${Pid}/ns/net`, '--'];
  await until('the containers talk', async () => {
    return (await host.tryExec([...enter, 'ping', '-c', '1', '-W', '1', IPAddress])).code === 0;
  });
  const ping = await host.spawn([...enter, 'ping', '-i', '0.02', IPAddress]);
  const client = join(CHECKOUT, 'test/system/faults/stream-client.ts');
  const stream = await machine.spawn([NODE, client, host.ip, String(STREAM_PORT), 'signal']);
  await stream.line('connected', (line) => line === 'connected');
  await act();
  await ping.stop('SIGINT');
  await stream.stop('SIGTERM');
  const { sent, received } = pingTotals(ping.lines.join('\n'));
  t.ok(sent > 20, `${sent} pings`);
  t.ok(sent - received <= mayLose, `${sent - received} pings are lost, ${mayLose} may be`);
  const totals = JSON.parse(stream.lines.at(-1) ?? '{}') as Readonly<Record<string, unknown>>;
  t.equal(totals['failure'], '', `a TCP stream of ${totals['sent']} lines goes on`);
  t.equal(totals['echoed'], totals['sent']);
}

/** What weft holds, as its commands say. */
export async function held(
  host: Host,
  kind: 'network' | 'endpoint' | 'ipam' | 'port',
): Promise<readonly Json[]> {
  const { code, stdout, stderr } = await host.weft([kind, 'ls', '--json']);
  if (code !== 0) throw new Error(`weft ${kind} ls: ${stderr}`);
  return JSON.parse(stdout) as readonly Json[];
}

export type Json = Readonly<Record<string, unknown>>;

/**
 * Waits until weft has exactly the endpoints of a network that Docker has, their links, and no other address.
 * @throws {Error} with what both have.
 */
export async function converged(host: Host, network: string): Promise<void> {
  let seen = {};
  const look = async (): Promise<boolean> => {
    const { Containers, Id } = await host.docker.inspectNetwork(network);
    const docker = Object.values(Containers).map(({ EndpointID }) => EndpointID);
    const endpoints = (await held(host, 'endpoint')).filter((each) => each['network'] === Id);
    const weft = endpoints.map(({ id }) => id);
    const pools = await held(host, 'ipam');
    const links = JSON.parse(await host.exec(['ip', '-j', 'link'])) as readonly { readonly ifname: string }[];
    const veths = links.map(({ ifname }) => ifname).filter((name) => /^w[vc]-/.test(name));
    const used = pools.reduce((sum, each) => sum + Number(each['used']), 0);
    seen = { docker, weft, veths, used, pools: pools.length };
    return (
      weft.sort().join() === docker.sort().join() &&
      veths.length === docker.length &&
      used === docker.length + pools.length
    );
  };
  await until('weft has what Docker has', look, { timeoutMs: 20_000, intervalMs: 250 }).catch((cause) => {
    throw new Error(`weft and Docker differ: ${JSON.stringify(seen)}`, { cause });
  });
}

/** A published port answers from the LAN. */
export async function answers(machine: Machine, host: Host, port: number): Promise<void> {
  await until(`port ${port} answers`, async () => {
    const { stdout } = await machine.tryExec(
      ['socat', '-T1', '-', `TCP:${host.ip}:${port},connect-timeout=1`],
      {
        input: 'hello\n',
      },
    );
    return stdout === 'hello\n';
  });
}
