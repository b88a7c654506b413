import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { MemoryShared } from '../../test/fakes/memory-shared.ts';
import { NodePulse } from './node-pulse.ts';

let nodes: string[];
let alive: Set<string>;
let asked: string[];
let changes: string[];
let pulse: NodePulse;
beforeEach(() => {
  vi.useFakeTimers();
  nodes = ['h2', 'h3'];
  alive = new Set(['192.0.2.2', '192.0.2.3']);
  asked = [];
  changes = [];
  const shared = new MemoryShared();
  for (const n of [2, 3]) {
    const member = { id: `id-${n}`, name: `h${n}`, address: `192.0.2.${n}`, vxlanPort: 4789, joinedAt: 0 };
    shared.commit({ put: [{ key: `member/h${n}`, value: Buffer.from(JSON.stringify(member)) }] });
  }
  pulse = new NodePulse({
    shared: shared.view(),
    nodes: () => nodes,
    changed: (node, isSilent) => changes.push(`${node} ${isSilent}`),
    probe: async (address, port) => {
      asked.push(`${address} ${port}`);
      if (alive.has(address)) return true;
      await new Promise((resolve) => setTimeout(resolve, 300));
      return false;
    },
  });
});
afterEach(() => {
  pulse[Symbol.dispose]();
  vi.useRealTimers();
});
const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

test('a host that falls silent is said within a second, and that it is back', async () => {
  pulse.look();
  await pass(1000);
  expect(asked).toHaveLength(12);
  expect(changes).toEqual([]);
  alive.delete('192.0.2.2');
  await pass(750);
  expect(changes).toEqual(['h2 true']);
  await pass(2000);
  alive.add('192.0.2.2');
  await pass(600);
  expect(changes).toEqual(['h2 true', 'h2 false']);
});

test('an answer that is missing now and then says nothing', async () => {
  pulse.look();
  for (let i = 0; i < 5; i++) {
    alive.delete('192.0.2.3');
    await pass(400);
    alive.add('192.0.2.3');
    await pass(200);
  }
  expect(changes).toEqual([]);
});

test('nobody is asked for whom there is no reason any more, and no news is good news', async () => {
  alive.clear();
  pulse.look();
  await pass(1000);
  expect(changes).toEqual(['h2 true', 'h3 true']);
  nodes = ['h3'];
  pulse.look();
  expect(changes).toEqual(['h2 true', 'h3 true', 'h2 false']);
  nodes = [];
  pulse.look();
  asked = [];
  await pass(5000);
  expect(asked).toEqual([]);
});
