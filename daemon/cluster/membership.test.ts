import pino from 'pino';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Ip } from '../../core/address.ts';
import { MemoryShared, type MemoryView } from '../../test/fakes/memory-shared.ts';
import { Membership } from './membership.ts';

let shared: MemoryShared;
const opened: Membership[] = [];
const fences: (string | undefined)[] = [];
let idle = false;

function node(
  name: string,
  change: { readonly id?: string; readonly address?: string; readonly view?: MemoryView } = {},
): Membership {
  const membership = new Membership({
    shared: change.view ?? shared.view(),
    node: {
      id: change.id ?? `id-${name}`,
      name,
      address: (change.address ?? `192.0.2.${name.slice(1)}`) as Ip,
      vxlanPort: 4789,
    },
    version: '1',
    clock: { now: () => Date.now() },
    log: pino({ level: 'silent' }),
    fenced: (fence) => fences.push(fence?.reason),
    isIdle: () => idle,
    renewId: async () => `renewed-${name}`,
  });
  opened.push(membership);
  return membership;
}

beforeEach(() => {
  shared = new MemoryShared();
  fences.length = 0;
  idle = false;
});
afterEach(async () => {
  for (const membership of opened.splice(0)) await membership[Symbol.asyncDispose]();
});

describe('a node', () => {
  test('claims its name and address and says that it lives', async () => {
    const h1 = node('h1');
    await h1.register();
    expect(shared.dump()).toMatchObject({
      'member/h1': { id: 'id-h1', name: 'h1', address: '192.0.2.1', vxlanPort: 4789 },
      'address/192.0.2.1': 'h1',
      'alive/h1': { id: 'id-h1', version: '1' },
    });
    await h1[Symbol.asyncDispose]();
    expect(Object.keys(shared.dump()).sort()).toEqual(['address/192.0.2.1', 'member/h1']);
  });

  test('moves to another address and frees the old one', async () => {
    await node('h1').register();
    await node('h1', { address: '192.0.2.9' }).register();
    expect(shared.dump('address/')).toEqual({ 'address/192.0.2.9': 'h1' });
  });

  test('cannot have the name of another', async () => {
    await node('h1').register();
    await expect(node('h1', { id: 'other', address: '192.0.2.7' }).register()).rejects.toThrow(
      /node name h1 belongs to another host \(192\.0\.2\.1, alive\): give this one its own with --node/,
    );
  });

  test('cannot have the address of another', async () => {
    await node('h1').register();
    await expect(node('h2', { address: '192.0.2.1' }).register()).rejects.toThrow(
      /underlay address 192\.0\.2\.1 belongs to node h1: give this host its own with --address/,
    );
  });

  test('that was removed takes no part any more', async () => {
    const h1 = node('h1');
    await h1.register();
    shared.commit({
      put: [{ key: 'removed/id-h1', value: Buffer.from('{"name":"h1","at":1}') }],
      delete: ['member/h1', 'address/192.0.2.1', 'alive/h1'],
    });
    expect(h1.fence?.reason).toMatch(/node h1 was removed from the cluster/);
    expect(fences.at(-1)).toBe(h1.fence?.reason);
    const again = node('h1');
    await again.register();
    expect(again.registered).toBe(false);
    expect(shared.dump('member/')).toEqual({});
  });

  test('that was removed joins again as a new one when nothing here is in the way', async () => {
    const h1 = node('h1');
    await h1.register();
    shared.commit({
      put: [{ key: 'removed/id-h1', value: Buffer.from('{"name":"h1","at":1}') }],
      delete: ['member/h1', 'address/192.0.2.1', 'alive/h1'],
    });
    await new Promise((resolve) => setTimeout(resolve, 2100));
    expect(h1.fence).toBeDefined();
    idle = true;
    await vi.waitFor(() => expect(h1.registered).toBe(true), { timeout: 5000 });
    expect(h1.fence).toBeUndefined();
    expect(shared.dump('member/')).toMatchObject({ 'member/h1': { id: 'renewed-h1' } });
  });

  test('registers once the store can be reached', async () => {
    const view = shared.view();
    view.cutOff(true);
    const h1 = node('h1', { view });
    await h1.register();
    expect(h1.registered).toBe(false);
    view.cutOff(false);
    await vi.waitFor(() => expect(h1.registered).toBe(true), { timeout: 5000 });
  });

  test('takes a new lease when the store has lost it', async () => {
    const h1 = node('h1');
    await h1.register();
    shared.commit({ delete: ['alive/h1'] });
    await vi.waitFor(() => expect(shared.dump('alive/')).toHaveProperty(['alive/h1']), { timeout: 5000 });
  });

  test('whose state directory was copied notices the copy', async () => {
    const h1 = node('h1');
    await h1.register();
    await new Promise((resolve) => setTimeout(resolve, 5));
    await node('h1').register();
    expect(h1.fence?.reason).toMatch(
      /another weftd has started as node h1 with a copy of this state directory/,
    );
  });
});
