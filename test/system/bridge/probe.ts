import type { Test } from 'tap';
import { Container, type Host, type Machine, until } from '../../lab/index.ts';

/** From where traffic is sent: a container's network namespace, a host, or another machine of the LAN. */
export type Place = Container | Host | Machine;

/** Who answered, and whom it saw. */
export interface Answer {
  readonly name: string;
  /** Source address as the server saw it. */
  readonly peer: string;
}

export type Transport = 'tcp' | 'udp';

/** Ports on which a {@link serverCommand} answers; tests publish the first. */
export const PORT = 80;
export const OTHER_PORT = 81;

const ANSWER = "'SYSTEM:echo $NAME $SOCAT_PEERADDR'";
/** Reads the question: socat gives up, and sends nothing, when the shell has ended before it took it. */
const DATAGRAM_ANSWER = "'SYSTEM:read question; echo $NAME $SOCAT_PEERADDR'";

/** How many sockets a {@link serverCommand} has when it is ready. */
export const SERVER_SOCKETS = 6;

/** A shell command that answers on TCP and UDP 80 and TCP 81, both families, with `$NAME` and the client's address. */
export function serverCommand(): readonly string[] {
  const listeners = [
    ...[PORT, OTHER_PORT].flatMap((port) => [
      `socat TCP4-LISTEN:${port},fork,reuseaddr ${ANSWER}`,
      `socat TCP6-LISTEN:${port},fork,reuseaddr,ipv6only=1 ${ANSWER}`,
    ]),
    `socat UDP4-RECVFROM:${PORT},fork,reuseaddr ${DATAGRAM_ANSWER}`,
    `socat UDP6-RECVFROM:${PORT},fork,reuseaddr,ipv6only=1 ${DATAGRAM_ANSWER}`,
  ];
  return ['sh', '-c', `${listeners.join(' & ')} & wait`];
}

/** Runs a program in the place's network namespace; gives code and output whatever the code. */
export function run(place: Place, argv: readonly string[], timeoutMs = 30_000) {
  return place instanceof Container
    ? place.tryNetExec(argv, { timeoutMs })
    : place.tryExec(argv, { timeoutMs });
}

/** Sends a datagram and prints the first that comes back, with which it ends: socat would wait for more. */
const DATAGRAM = 'exec 3<>"$1" && echo x >&3 && exec timeout 0.5 dd bs=1500 count=1 status=none <&3';

function question(ip: string, port: number | string, transport: Transport, option: string): string[] {
  const where = ip.includes(':') ? `6:[${ip}]:${port}` : `4:${ip}:${port}`;
  if (transport === 'tcp')
    return ['socat', '-u', '-T', '2', `TCP${where},connect-timeout=1${option}`, 'STDOUT'];
  if (option === '') return ['bash', '-c', DATAGRAM, 'bash', `/dev/udp/${ip}/${port}`];
  return ['sh', '-c', `echo x | socat -t 0.5 - UDP${where}${option}`];
}

/** Asks once; undefined when nothing answers within about a second. */
export async function ask(
  from: Place,
  ip: string,
  port: number | string = PORT,
  transport: Transport = 'tcp',
  option = '',
): Promise<Answer | undefined> {
  const { stdout } = await run(from, question(ip, port, transport, option));
  const [name, peer] = stdout.trim().split(' ');
  return name && peer ? { name, peer: plainAddress(peer) } : undefined;
}

/** Addresses as Node writes them: socat spells every digit of an IPv6 address. */
function plainAddress(text: string): string {
  return text.startsWith('[') ? new URL(`http://${text}`).hostname.slice(1, -1) : text;
}

interface Target {
  readonly ip: string;
  readonly port?: number;
  readonly transport?: Transport;
  /** Name of the server that must answer. */
  readonly name: string;
  /** Source address it must see; any if absent. */
  readonly peer?: string;
}

/** Asserts that a server answers within 5 s, and that it is the right one and sees the right client. */
export async function reaches(t: Test, from: Place, target: Target, what: string): Promise<void> {
  const { ip, port = PORT, transport = 'tcp', name, peer } = target;
  const answer = await until(what, () => ask(from, ip, port, transport), { timeoutMs: 5000 }).catch(
    () => undefined,
  );
  t.match(answer ?? `nothing answers at ${ip} ${port}/${transport}`, { name, ...(peer && { peer }) }, what);
}

/** Asserts that nothing answers. */
export async function cannotReach(
  t: Test,
  from: Place,
  target: Omit<Target, 'name' | 'peer'>,
  what: string,
): Promise<void> {
  const { ip, port = PORT, transport = 'tcp' } = target;
  t.equal(await ask(from, ip, port, transport), undefined, what);
}

/** Whether an echo is answered within a second; two are sent, as the first may wait for a neighbour. */
export async function pings(from: Place, ip: string): Promise<boolean> {
  const argv = ['ping', '-n', '-c', '2', '-i', '0.2', '-W', '1', ip];
  return / [12] received/.test((await run(from, argv)).stdout);
}
