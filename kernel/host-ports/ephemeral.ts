import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Ip } from '../../core/address.ts';
import { Conflict, Exhausted, Unsupported } from '../../core/errors.ts';
import type { PortBinding, PortReservation, Protocol } from '../../core/ports.ts';
import { readSysctls } from '../sysctl/index.ts';

/** Ports, both inclusive. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** Attempts between two turns of the event loop; one costs about ten microseconds. */
const ATTEMPTS_A_TURN = 50;
const RANGE = 'net/ipv4/ip_local_port_range';

/**
 * The range from which the kernel, and Docker, choose ports nobody named.
 * @throws {Unsupported} when the kernel has no such sysctl.
 */
export async function readEphemeralRange(): Promise<PortRange> {
  const text = (await readSysctls([RANGE])).get(RANGE);
  const [first, last] = (text ?? '').split(' ').map(Number);
  if (!first || !last) throw new Unsupported(`read the ephemeral port range: ${RANGE} says ${text}`);
  return { first, last };
}

/**
 * Reserves one port that is free on all of `ips` at once, from a random start onwards and round the range. Gives
 * back the event loop now and then, so `reserve` may be called in several turns.
 * @param ips at least one; mixed families get the same port.
 * @param reserve may throw Conflict for a port that is taken; anything else ends the search.
 * @returns one reservation for each of `ips`, in their order.
 * @throws {Exhausted} when no port of the range is free on all of them.
 */
export async function chooseEphemeral(
  protocol: Protocol,
  ips: readonly Ip[],
  range: PortRange,
  reserve: (binding: PortBinding) => PortReservation,
): Promise<readonly PortReservation[]> {
  const size = range.last - range.first + 1;
  const start = Math.floor(Math.random() * size);
  for (let attempt = 0; attempt < size; attempt++) {
    const port = range.first + ((start + attempt) % size);
    const reserved = reserveAll(
      ips.map((ip) => ({ protocol, ip, port })),
      reserve,
    );
    if (reserved !== undefined) return reserved;
    if (attempt % ATTEMPTS_A_TURN === ATTEMPTS_A_TURN - 1) await nextTurn();
  }
  throw new Exhausted(
    `choose a ${protocol} port on ${ips.join(', ')}: all ${size} of ${range.first}–${range.last} are in use`,
  );
}

/** All or nothing; undefined on Conflict. */
function reserveAll(
  bindings: readonly PortBinding[],
  reserve: (binding: PortBinding) => PortReservation,
): readonly PortReservation[] | undefined {
  const reserved: PortReservation[] = [];
  try {
    for (const binding of bindings) reserved.push(reserve(binding));
    return reserved;
  } catch (error) {
    for (const reservation of reserved) reservation.release();
    if (error instanceof Conflict) return undefined;
    throw error;
  }
}
