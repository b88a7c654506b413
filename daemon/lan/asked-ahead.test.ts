import { expect, test } from 'vitest';
import type { Ip } from '../../core/address.ts';
import { NotFound } from '../../core/errors.ts';
import type { IfName, Mac } from '../../core/ids.ts';
import type { AddressHolder } from '../../core/ports.ts';
import { AskedAhead } from './asked-ahead.ts';

const DEV = 'eth0' as IfName;
const THEIRS: AddressHolder = { mac: '02:00:00:00:00:99' as Mac };
const [ONE, TWO, THREE] = ['10.80.0.1', '10.80.0.2', '10.80.0.3'] as Ip[] as [Ip, Ip, Ip];

function lan() {
  const state = { now: 0, down: false, taken: new Set<Ip>(), questions: [] as Ip[], brief: [] as Ip[] };
  const asked = new AskedAhead(
    async (_dev, ip, how) => {
      (how === 'briefly' ? state.brief : state.questions).push(ip);
      if (state.down) throw new NotFound('link eth0', {});
      return state.taken.has(ip) ? THEIRS : undefined;
    },
    { now: () => state.now },
  );
  return { state, asked };
}

test('what was asked ahead is not asked again, once', async () => {
  const { state, asked } = lan();
  state.taken.add(TWO);
  asked.expect(DEV, [ONE, TWO]);
  asked.expect(DEV, [TWO, THREE]);
  expect(state.questions).toEqual([ONE, TWO, THREE]);
  expect(await asked.holderOf(DEV, ONE)).toBeUndefined();
  expect(await asked.holderOf(DEV, TWO)).toBe(THEIRS);
  expect(state.questions).toHaveLength(3);
  expect(await asked.holderOf(DEV, ONE)).toBeUndefined();
  expect(state.questions).toEqual([ONE, TWO, THREE, ONE]);
  expect(state.brief).toEqual([ONE]);
});

test('who has taken an address since is met', async () => {
  const { state, asked } = lan();
  asked.expect(DEV, [ONE]);
  state.taken.add(ONE);
  expect(await asked.holderOf(DEV, ONE)).toBe(THEIRS);
});

test('an answer grows old', async () => {
  const { state, asked } = lan();
  asked.expect(DEV, [ONE]);
  state.now = 60_001;
  state.taken.add(ONE);
  expect(await asked.holderOf(DEV, ONE)).toBe(THEIRS);
});

test('another device is another LAN', async () => {
  const { state, asked } = lan();
  asked.expect(DEV, [ONE]);
  await asked.holderOf('eth1' as IfName, ONE);
  expect(state.questions).toEqual([ONE, ONE]);
});

test('what could not be asked is asked when it is needed', async () => {
  const { state, asked } = lan();
  state.down = true;
  asked.expect(DEV, [ONE]);
  await expect(asked.holderOf(DEV, ONE)).rejects.toThrow(NotFound);
  state.down = false;
  expect(await asked.holderOf(DEV, ONE)).toBeUndefined();
});
