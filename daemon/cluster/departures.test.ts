import { beforeEach, describe, expect, test } from 'vitest';
import type { Cidr } from '../../core/address.ts';
import type { ClusterNetwork } from '../../core/cluster.ts';
import { Conflict } from '../../core/errors.ts';
import { MemoryShared, type MemoryView } from '../../test/fakes/memory-shared.ts';
import { Attendance } from './attendance.ts';
import { Definitions } from './definitions.ts';
import { Departures } from './departures.ts';

let shared: MemoryShared;
let view: MemoryView;
let departures: Departures;
let app: ClusterNetwork;
let now: number;
let said: string[];
beforeEach(async () => {
  shared = new MemoryShared();
  view = shared.view();
  now = 0;
  said = [];
  const quiet = () => undefined;
  const log = {
    info: (...logged: readonly unknown[]) => void said.push(String(logged[1])),
    warn: quiet,
    debug: quiet,
    error: quiet,
  };
  const definitions = new Definitions({ shared: view, node: 'h1', clock: { now: () => 1000 } });
  const attendance = new Attendance({ shared: view, node: 'h1' });
  departures = new Departures({
    ...{ shared: view, definitions, attendance, node: 'h1', log },
    elapsed: () => now,
  });
  const subnets = [{ pool: '10.1.0.0/24' as Cidr, aux: {} }];
  const kind = { internal: false, enableIpv4: true, enableIpv6: false, options: {} };
  app = await definitions.define({ name: 'app', subnets, ...kind }, undefined);
});

const set = (...keys: string[]) =>
  shared.commit({ put: keys.map((key) => ({ key, value: Buffer.from('{}') })) });
const unset = (...keys: string[]) => shared.commit({ delete: keys });
/** Until the local copy shows what was told. */
const tell = async () =>
  (await departures.tell(app.name, app.id)) || (await departures.tell(app.name, app.id));
const isThere = () => 'network/app' in shared.dump();
const hasLeft = () => 'left/app/h1' in shared.dump();

describe('a network that was removed on one host', () => {
  test('is no more when nobody uses it', async () => {
    set('endpoint/app/h1/e1');
    expect(await tell()).toBe(true);
    expect([isThere(), hasLeft()]).toEqual([false, false]);
  });

  test('is left when another host goes on using it', async () => {
    set('endpoint/app/h2/e1', 'alive/h2');
    expect(await tell()).toBe(false);
    now = 2999;
    expect([await tell(), hasLeft()]).toEqual([false, false]);
    now = 3000;
    expect([await tell(), isThere(), hasLeft()]).toEqual([true, true, true]);
  });

  test('is no more when what another host has told it had is ended', async () => {
    set('endpoint/app/h2/e1', 'alive/h2');
    expect(await tell()).toBe(false);
    now = 1000;
    unset('endpoint/app/h2/e1');
    expect([await tell(), isThere()]).toEqual([true, false]);
  });

  test('is decided on once a host that is out of touch has returned', async () => {
    set('endpoint/app/h2/e1');
    for (now = 0; now < 60_000; now += 1000) expect(await tell()).toBe(false);
    expect(said).toEqual(['removed on this host; those who used it are out of touch']);
    set('alive/h2');
    expect(await tell()).toBe(false);
    unset('endpoint/app/h2/e1');
    expect([await tell(), isThere()]).toEqual([true, false]);
  });

  test('is left if such a host has used it all the time', async () => {
    set('endpoint/app/h2/e1', 'endpoint/app/h3/e2');
    expect(await tell()).toBe(false);
    now = 10_000;
    expect(await tell()).toBe(false);
    set('alive/h3');
    now = 12_999;
    expect(await tell()).toBe(false);
    now = 13_000;
    expect([await tell(), isThere(), hasLeft()]).toEqual([true, true, true]);
  });

  test('is not forgotten before the local copy shows that it is no more', async () => {
    view.deafen(true);
    expect([await departures.tell(app.name, app.id), isThere()]).toEqual([false, false]);
    await expect(tell()).rejects.toThrow(Conflict);
    view.deafen(false);
    expect(await tell()).toBe(true);
  });

  test('is not forgotten before the local copy shows that it was left', async () => {
    set('endpoint/app/h2/e1', 'alive/h2');
    await tell();
    now = 3000;
    view.deafen(true);
    expect([await tell(), hasLeft()]).toEqual([false, true]);
    view.deafen(false);
    expect(await tell()).toBe(true);
    expect(said).toEqual(['removed on this host; others use it']);
  });

  test('is another one when it was made again since', async () => {
    expect([await departures.tell('app', 'an earlier one'), isThere()]).toEqual([true, true]);
  });
});
