import { expect, test } from 'vitest';
import type { Ip } from '../../core/address.ts';
import { Conflict, Exhausted, KernelError } from '../../core/errors.ts';
import type { PortBinding, PortReservation } from '../../core/ports.ts';
import { chooseEphemeral } from './ephemeral.ts';
import { formatBinding, PortTable } from './port-table.ts';

const V4 = '0.0.0.0' as Ip;
const V6 = '::' as Ip;

function reserver() {
  const table = new PortTable();
  const held = new Set<string>();
  const reserve = (binding: PortBinding): PortReservation => {
    if (table.conflict(binding) !== undefined) throw new Conflict('taken');
    table.add(binding);
    held.add(formatBinding(binding));
    const release = () => {
      table.delete(binding);
      held.delete(formatBinding(binding));
    };
    return { binding, release };
  };
  return { reserve, held };
}

test('both families get the same port, in the order asked', async () => {
  const { reserve } = reserver();
  const reserved = await chooseEphemeral('udp', [V6, V4], { first: 40000, last: 40009 }, reserve);
  const ports = reserved.map(({ binding }) => binding.port);
  expect(reserved.map(({ binding }) => binding.ip)).toEqual([V6, V4]);
  expect(ports[0]).toBe(ports[1]);
  expect(ports[0]).toBeGreaterThanOrEqual(40000);
  expect(ports[0]).toBeLessThanOrEqual(40009);
});

test('every port of the range is found, then it is exhausted', async () => {
  const { reserve } = reserver();
  const range = { first: 100, last: 299 };
  const ports = new Set<number>();
  for (let i = 0; i < 200; i++) {
    const [reservation] = await chooseEphemeral('tcp', [V4], range, reserve);
    ports.add(reservation?.binding.port ?? 0);
  }
  expect([...ports].sort((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, index) => 100 + index));
  await expect(chooseEphemeral('tcp', [V4], range, reserve)).rejects.toThrow(Exhausted);
});

test('a port free for one family only is not taken, and nothing of it stays reserved', async () => {
  const { reserve, held } = reserver();
  for (const port of [10, 11, 13]) reserve({ protocol: 'tcp', ip: V6, port });
  const reserved = await chooseEphemeral('tcp', [V4, V6], { first: 10, last: 13 }, reserve);
  expect(reserved.map(({ binding }) => binding.port)).toEqual([12, 12]);
  expect([...held].filter((text) => text.startsWith('0.0.0.0'))).toEqual(['0.0.0.0:12/tcp']);
});

test('any error but a conflict ends the search and rolls back', async () => {
  const { reserve, held } = reserver();
  const failing = (binding: PortBinding) => {
    if (binding.ip === V6) throw new KernelError('no', { errno: 'EACCES' });
    return reserve(binding);
  };
  const chosen = chooseEphemeral('tcp', [V4, V6], { first: 1, last: 9 }, failing);
  await expect(chosen).rejects.toMatchObject({ errno: 'EACCES' });
  expect([...held]).toEqual([]);
});
