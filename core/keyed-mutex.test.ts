import fc from 'fast-check';
import { expect, test } from 'vitest';
import { KeyedMutex } from './keyed-mutex.ts';

test('tasks of one key run one at a time and in order, those of others beside them', async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), fc.array(fc.constantFrom('a', 'b', 'c')), async (scheduler, keys) => {
      const mutex = new KeyedMutex();
      const running = new Map<string, number>();
      const order = new Map<string, number[]>();
      const done = keys.map((key, n) =>
        mutex.run(key, async () => {
          expect(running.get(key) ?? 0).toBe(0);
          running.set(key, 1);
          order.set(key, [...(order.get(key) ?? []), n]);
          await scheduler.schedule(Promise.resolve());
          running.set(key, 0);
          return n;
        }),
      );
      await scheduler.waitFor(Promise.all(done));
      expect(await Promise.all(done)).toEqual(keys.map((_, n) => n));
      for (const numbers of order.values()) expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
    }),
  );
});

test('a task that fails keeps none of its key from running', async () => {
  const mutex = new KeyedMutex();
  const failed = mutex.run('a', () => Promise.reject(new Error('no')));
  const next = mutex.run('a', async () => 'ran');
  await expect(failed).rejects.toThrow('no');
  expect(await next).toBe('ran');
});

test('what a task asks for of its own key before it first waits comes after it', async () => {
  const mutex = new KeyedMutex();
  const order: string[] = [];
  let inner: Promise<unknown> = Promise.resolve();
  await mutex.run('a', async () => {
    inner = mutex.run('a', async () => order.push('inner'));
    order.push('outer begins');
    await Promise.resolve();
    order.push('outer ends');
  });
  await inner;
  expect(order).toEqual(['outer begins', 'outer ends', 'inner']);
});
