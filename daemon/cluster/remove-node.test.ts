import { beforeEach, describe, expect, test } from 'vitest';
import type { Ip } from '../../core/address.ts';
import { Conflict, NotFound, Unavailable } from '../../core/errors.ts';
import { MemoryShared, type MemoryView } from '../../test/fakes/memory-shared.ts';
import { encodeClusterRecord, keys } from './records.ts';
import { removeNode } from './remove-node.ts';

const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
let shared: MemoryShared;
let view: MemoryView;
let freed: string[];

beforeEach(() => {
  shared = new MemoryShared();
  view = shared.view();
  freed = [];
  for (const [index, name] of ['a', 'b', 'bb'].entries()) member(name, `192.0.2.${index + 1}` as Ip);
});

function member(name: string, address: Ip): void {
  const record = { id: `id-${name}`, name, address, vxlanPort: 4789, joinedAt: 1 };
  shared.commit({
    put: [
      { key: keys.member(name), value: encodeClusterRecord('member', record) },
      { key: keys.address(address), value: Buffer.from(name) },
      { key: keys.joined('app', name), value: encodeClusterRecord('joined', { network: 'n' }) },
      { key: keys.endpoint('app', name, 'e1'), value: Buffer.from('{}') },
      { key: `name/app/${name}/e1`, value: Buffer.from('{}') },
    ],
  });
}

function alive(name: string): void {
  const record = { id: `id-${name}`, version: '1', instance: 'i', since: 1 };
  shared.commit({ put: [{ key: keys.alive(name), value: encodeClusterRecord('alive', record) }] });
}

const run = (
  name: string,
  force = false,
  removeBlocks: (node: string) => Promise<unknown> = async (node) => freed.push(node),
) =>
  removeNode(
    {
      shared: view,
      self: 'a',
      addresses: {
        removeNode: async (node) => {
          await removeBlocks(node);
          return { blocks: 2, grants: 1 };
        },
      },
      clock: { now: () => 5000 },
      log: log as never,
    },
    name,
    { force },
  );

const namesLeft = () => Object.keys(shared.dump()).filter((key) => /(^|\/)b(\/|$)/.test(key));

describe('removing a node', () => {
  test('takes all it had, fences it, and leaves the others alone', async () => {
    shared.commit({ put: [{ key: keys.left('old', 'b'), value: Buffer.from('x') }] });
    expect(await run('b')).toEqual({ name: 'b', networks: 2, endpoints: 1, blocks: 2, addresses: 1 });
    expect(namesLeft()).toEqual([]);
    expect(shared.dump('removed/')).toEqual({ 'removed/id-b': { name: 'b', at: 5000 } });
    expect(shared.dump('address/')).toEqual({ 'address/192.0.2.1': 'a', 'address/192.0.2.3': 'bb' });
    expect(Object.keys(shared.dump('endpoint/'))).toEqual(['endpoint/app/a/e1', 'endpoint/app/bb/e1']);
    expect(freed).toEqual(['b']);
  });

  test('is refused for this host, for one that lives, and for one that is not there', async () => {
    alive('b');
    const before = shared.dump();
    await expect(run('a')).rejects.toThrow(Conflict);
    await expect(run('b')).rejects.toThrow(/node b lives.*--force/);
    await expect(run('nope')).rejects.toThrow(new NotFound('the cluster has no node nope', { node: 'nope' }));
    expect(shared.dump()).toEqual(before);
  });

  test('can be forced', async () => {
    alive('b');
    await run('b', true);
    expect(namesLeft()).toEqual([]);
  });

  test('takes thousands of endpoints in commits that etcd takes', async () => {
    for (let i = 0; i < 25; i++) {
      const put = Array.from({ length: 100 }, (_, j) => ({
        key: keys.endpoint('app', 'b', `many-${i}-${j}`),
        value: Buffer.from('{}'),
      }));
      shared.commit({ put });
    }
    const sizes: number[] = [];
    const commit = view.commit.bind(view);
    view.commit = (txn) => {
      sizes.push((txn.expect ?? []).length + (txn.put ?? []).length + (txn.delete ?? []).length);
      return commit(txn);
    };
    expect((await run('b')).endpoints).toBe(2501);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(100);
    expect(namesLeft()).toEqual([]);
  });

  test('that broke off is finished by the next; the node is fenced from the first step', async () => {
    const failing = async () => {
      throw new Unavailable('the store is away');
    };
    await expect(run('b', false, failing)).rejects.toThrow(Unavailable);
    expect(shared.dump('removed/')).toHaveProperty('removed/id-b');
    expect(shared.dump('member/')).toHaveProperty('member/b');
    await run('b');
    expect(namesLeft()).toEqual([]);
  });

  test('takes what the node was telling at that moment, too', async () => {
    const late = async () => {
      freed.push('b');
    };
    const commit = view.commit.bind(view);
    let told = false;
    view.commit = async (txn) => {
      const revision = await commit(txn);
      if (!told && txn.delete?.includes(keys.endpoint('app', 'b', 'e1')) === true) {
        told = true;
        shared.commit({ put: [{ key: keys.endpoint('app', 'b', 'late'), value: Buffer.from('{}') }] });
      }
      return revision;
    };
    expect((await run('b', false, late)).endpoints).toBe(2);
    expect(namesLeft()).toEqual([]);
  });

  test('does nothing while the store is away', async () => {
    view.cutOff(true);
    const before = shared.dump();
    await expect(run('b')).rejects.toThrow(Unavailable);
    expect(shared.dump()).toEqual(before);
  });

  test('sees that the node has registered meanwhile', async () => {
    view.cutOff(true);
    shared.commit({ put: [{ key: keys.member('b'), value: Buffer.from('{}') }] });
    view.commit = async (txn) => shared.commit(txn);
    await expect(run('b')).rejects.toThrow(Conflict);
  });
});
