import { beforeEach, describe, expect, test } from 'vitest';
import type { Cidr } from '../../core/address.ts';
import type { ClusterNetwork } from '../../core/cluster.ts';
import { Conflict } from '../../core/errors.ts';
import { MemoryShared, type MemoryView } from '../../test/fakes/memory-shared.ts';
import { Attendance } from './attendance.ts';
import { Definitions } from './definitions.ts';
import { encodeClusterRecord, keys } from './records.ts';

let shared: MemoryShared;
let view: MemoryView;
let other: MemoryView;
let definitions: Definitions;
let host: Attendance;
let app: ClusterNetwork;
beforeEach(async () => {
  shared = new MemoryShared();
  view = shared.view();
  other = shared.view();
  definitions = new Definitions({ shared: other, node: 'h1', clock: { now: () => 1000 } });
  host = new Attendance({ shared: view, node: 'h2' });
  app = await definitions.define(
    {
      name: 'app',
      subnets: [{ pool: '10.1.0.0/24' as Cidr, aux: {} }],
      internal: false,
      enableIpv4: true,
      enableIpv6: false,
      options: {},
    },
    undefined,
  );
});

const told = () => Object.keys(shared.dump()).filter((key) => /^(joined|left)\//.test(key));

describe('what a host tells of a network', () => {
  test('is one thing at a time', async () => {
    await host.refuse(app, 'no room');
    expect(told()).toEqual(['joined/app/h2']);
    await host.join(app);
    expect(host.hasLeft(app)).toBe(false);
    await host.leave(app);
    expect(told()).toEqual(['left/app/h2']);
    expect(host.hasLeft(app)).toBe(true);
    expect(host.hasLeft({ ...app, id: 'a later one of that name' })).toBe(false);
    await host.join(app);
    expect(told()).toEqual(['joined/app/h2']);
  });

  test('is not told twice', async () => {
    await host.join(app);
    const before = view.get('joined/app/h2')?.revision;
    await host.join(app);
    expect(view.get('joined/app/h2')?.revision).toBe(before);
  });

  test('is nothing when the network was removed at that moment, or before', async () => {
    view.deafen(true);
    await definitions.remove(app);
    await expect(host.refuse(app, 'late')).rejects.toThrow(Conflict);
    view.deafen(false);
    await host.refuse(app, 'later still');
    await host.leave(app);
    expect(told()).toEqual([]);
  });

  test('is taken back when whoever removed the network died halfway', async () => {
    const entry = other.get(keys.network('app'));
    const joined = (node: string) => ({
      key: keys.joined('app', node),
      value: encodeClusterRecord('joined', { network: app.id }),
    });
    await other.commit({ put: [joined('h2'), joined('h3')] });
    await host.forget();
    expect(told()).toHaveLength(2);
    await other.commit({ delete: [entry?.key ?? ''] });
    await host.forget();
    expect(told()).toEqual(['joined/app/h3']);
  });
});
