import { afterEach, describe, expect, test } from 'vitest';
import { Conflict, InvalidArgument, NotFound, Unavailable } from '../../core/errors.ts';
import type { SharedStore, Store, StoreEvent } from '../../core/ports.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const texts = (entries: readonly { key: string; value: Uint8Array }[]) =>
  entries.map(({ key, value }) => `${key}=${new TextDecoder().decode(value)}`);

/**
 * What every `Store` promises. `open` gives an empty store; the suite disposes of it.
 * @param revision what an empty store is at; undefined where others have used the revisions before it.
 */
export function storeContract(
  name: string,
  open: () => Promise<Store>,
  revision: { readonly atFirst: bigint | undefined } = { atFirst: 0n },
): void {
  describe(`${name} keeps the store contract`, () => {
    const opened: Store[] = [];
    const fresh = async () => {
      const store = await open();
      opened.push(store);
      return store;
    };
    afterEach(async () => {
      for (const store of opened.splice(0)) await store[Symbol.asyncDispose]();
    });

    test('an empty store lists nothing, at its first revision', async () => {
      const store = await fresh();
      const { entries, revision: first } = await store.list('');
      expect(entries).toEqual([]);
      if (revision.atFirst === undefined) expect(first).toBeGreaterThan(0n);
      else expect(first).toBe(revision.atFirst);
    });

    test('a put is listed with its revision and replaced by a later put', async () => {
      const store = await fresh();
      const first = await store.commit({ put: [{ key: 'a', value: bytes('1') }] });
      const second = await store.commit({ put: [{ key: 'a', value: bytes('2') }] });
      expect(second).toBeGreaterThan(first);
      const { entries, revision } = await store.list('a');
      expect(revision).toBe(second);
      expect(entries.map((entry) => entry.revision)).toEqual([second]);
      expect(texts(entries)).toEqual(['a=2']);
    });

    test('list gives exactly the keys under the prefix, in byte order', async () => {
      const store = await fresh();
      const keys = [
        'p/b',
        'p/a',
        'p',
        'p/',
        'q',
        'p0',
        'p/\u{10ffff}x',
        'p/é',
        'p/\u{ffee}',
        'o/z',
        'P/a',
        'p/%',
        'p/_',
      ];
      await store.commit({ put: keys.map((key) => ({ key, value: bytes('') })) });
      const under = keys.filter((key) => key.startsWith('p/'));
      under.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      expect((await store.list('p/')).entries.map(({ key }) => key)).toEqual(under);
      expect((await store.list('')).entries).toHaveLength(keys.length);
    });

    test('an expectation of 0 creates only what is not there', async () => {
      const store = await fresh();
      const { revision: before } = await store.list('');
      const create = { expect: [{ key: 'k', revision: 0n }], put: [{ key: 'k', value: bytes('mine') }] };
      await store.commit(create);
      const again = store.commit(create);
      await expect(again).rejects.toThrow(Conflict);
      await expect(again).rejects.toMatchObject({ message: `k has revision ${before + 1n}, expected 0` });
    });

    test('an expectation of the current revision swaps, of an older one changes nothing', async () => {
      const store = await fresh();
      const old = await store.commit({ put: [{ key: 'k', value: bytes('1') }] });
      const swap = (value: string) => ({
        expect: [{ key: 'k', revision: old }],
        put: [
          { key: 'k', value: bytes(value) },
          { key: 'other', value: bytes(value) },
        ],
        delete: ['gone'],
      });
      await store.commit(swap('2'));
      await expect(store.commit(swap('3'))).rejects.toThrow(Conflict);
      expect(texts((await store.list('')).entries)).toEqual(['k=2', 'other=2']);
    });

    test('commits of one turn take effect in order, and a conflict fails only its own', async () => {
      const store = await fresh();
      const claim = (value: string) =>
        store.commit({
          expect: [{ key: 'k', revision: 0n }],
          put: [
            { key: 'k', value: bytes(value) },
            { key: value, value: bytes('') },
          ],
        });
      const outcomes = await Promise.allSettled([
        store.commit({ put: [{ key: 'before', value: bytes('') }] }),
        claim('x'),
        claim('y'),
        store.commit({ put: [{ key: 'after', value: bytes('') }] }),
      ]);
      expect(outcomes.map(({ status }) => status)).toEqual([
        'fulfilled',
        'fulfilled',
        'rejected',
        'fulfilled',
      ]);
      expect(texts((await store.list('')).entries)).toEqual(['after=', 'before=', 'k=x', 'x=']);
    });

    test('deleting what is not there succeeds and changes nothing', async () => {
      const store = await fresh();
      const revision = await store.commit({ put: [{ key: 'k', value: bytes('') }] });
      expect(await store.commit({ delete: ['absent'] })).toBe(revision);
      expect(await store.commit({ delete: ['k'] })).toBeGreaterThan(revision);
      expect((await store.list('')).entries).toEqual([]);
    });

    test('a value survives every byte, emptiness and the reuse of the buffer it came in', async () => {
      const store = await fresh();
      const value = Uint8Array.from({ length: 256 }, (_, index) => index);
      const done = store.commit({
        put: [
          { key: 'all', value: value.slice() },
          { key: 'none', value: new Uint8Array() },
        ],
      });
      await done;
      const { entries } = await store.list('');
      expect(entries.map((entry) => [...entry.value])).toEqual([[...value], []]);
    });

    test.each([
      ['an empty key', { put: [{ key: '', value: bytes('') }] }],
      ['a key over 512 bytes', { put: [{ key: 'é'.repeat(257), value: bytes('') }] }],
      ['a NUL in a key', { delete: ['a\0b'] }],
      ['half a surrogate pair', { expect: [{ key: '\ud800', revision: 0n }] }],
      [
        'a key put twice',
        {
          put: [
            { key: 'a', value: bytes('') },
            { key: 'a', value: bytes('') },
          ],
        },
      ],
      ['a key put and deleted', { put: [{ key: 'a', value: bytes('') }], delete: ['a'] }],
      ['a value over 8 MiB', { put: [{ key: 'a', value: new Uint8Array((8 << 20) + 1) }] }],
    ])('%s is refused', async (_, txn) => {
      const store = await fresh();
      await expect(store.commit(txn)).rejects.toThrow(InvalidArgument);
      expect((await store.list('')).entries).toEqual([]);
    });

    test('watch gives later changes under the prefix in order, from an older revision on, until aborted', async () => {
      const store = await fresh();
      const start = await store.commit({ put: [{ key: 'p/old', value: bytes('') }] });
      await store.commit({
        put: [
          { key: 'p/a', value: bytes('1') },
          { key: 'q/a', value: bytes('') },
        ],
      });
      const stop = new AbortController();
      const seen: StoreEvent[] = [];
      const watching = (async () => {
        for await (const event of store.watch('p/', start, stop.signal)) {
          seen.push(event);
          if (seen.length === 3) stop.abort();
        }
      })();
      await store.commit({ put: [{ key: 'p/b', value: bytes('2') }] });
      const last = await store.commit({ delete: ['p/a', 'p/absent'] });
      await watching;
      expect(seen.map(({ type, entry }) => `${type} ${texts([entry])}`)).toEqual([
        'put p/a=1',
        'put p/b=2',
        'delete p/a=',
      ]);
      expect(seen.at(-1)?.entry.revision).toBe(last);
    });

    test('an idle watch ends when aborted', async () => {
      const store = await fresh();
      const stop = new AbortController();
      const next = store.watch('', 0n, stop.signal)[Symbol.asyncIterator]().next();
      stop.abort();
      expect((await next).done).toBe(true);
    });

    test('a failed commit is not seen by a watch', async () => {
      const store = await fresh();
      const refused = store.commit({
        expect: [{ key: 'a', revision: 9n }],
        put: [{ key: 'a', value: bytes('') }],
      });
      await expect(refused).rejects.toThrow(Conflict);
      await store.commit({ put: [{ key: 'b', value: bytes('') }] });
      const events = store.watch('', 0n, new AbortController().signal)[Symbol.asyncIterator]();
      expect((await events.next()).value.entry.key).toBe('b');
      await events.return?.();
    });

    test('a closed store finishes its commits, ends its watches and refuses the rest', async () => {
      const store = await fresh();
      const { revision: before } = await store.list('');
      const next = store
        .watch('', before + 5n, new AbortController().signal)
        [Symbol.asyncIterator]()
        .next();
      const last = store.commit({ put: [{ key: 'k', value: bytes('') }] });
      await store[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
      expect(await last).toBe(before + 1n);
      expect((await next).done).toBe(true);
      await expect(store.commit({ delete: ['k'] })).rejects.toThrow(Unavailable);
      await expect(store.list('')).rejects.toThrow(Unavailable);
    });
  });
}

/** What every `SharedStore` promises beyond a `Store`. `open` gives an empty store; the suite disposes of it. */
export function sharedStoreContract(name: string, open: () => Promise<SharedStore>): void {
  describe(`${name} keeps the contract of a shared store`, () => {
    const opened: SharedStore[] = [];
    const fresh = async () => {
      const store = await open();
      opened.push(store);
      return store;
    };
    const keys = async (store: Store) => (await store.list('')).entries.map(({ key }) => key);
    afterEach(async () => {
      for (const store of opened.splice(0)) await store[Symbol.asyncDispose]();
    });

    test('what was put with a lease goes when the lease is disposed of, and nothing else', async () => {
      const store = await fresh();
      const lease = await store.lease(30);
      const other = await store.lease(30);
      await store.commit({
        put: [
          { key: 'mine', value: bytes('1'), lease: lease.id },
          { key: 'also', value: bytes('1'), lease: lease.id },
          { key: 'others', value: bytes('1'), lease: other.id },
          { key: 'free', value: bytes('1') },
        ],
      });
      expect(await keys(store)).toEqual(['also', 'free', 'mine', 'others']);
      await lease[Symbol.asyncDispose]();
      await lease[Symbol.asyncDispose]();
      expect(await keys(store)).toEqual(['free', 'others']);
      expect(lease.lost.aborted).toBe(false);
      await other[Symbol.asyncDispose]();
      expect(await keys(store)).toEqual(['free']);
    });

    test('a watch sees the keys of a lease that ended go', async () => {
      const store = await fresh();
      const lease = await store.lease(30);
      const at = await store.commit({ put: [{ key: 'mine', value: bytes('1'), lease: lease.id }] });
      const events = store.watch('', at, new AbortController().signal)[Symbol.asyncIterator]();
      const next = events.next();
      await lease[Symbol.asyncDispose]();
      expect((await next).value).toMatchObject({ type: 'delete', entry: { key: 'mine' } });
      await events.return?.();
    });

    test('a key put again without its lease outlives it', async () => {
      const store = await fresh();
      const lease = await store.lease(30);
      await store.commit({ put: [{ key: 'k', value: bytes('1'), lease: lease.id }] });
      await store.commit({ put: [{ key: 'k', value: bytes('2') }] });
      await lease[Symbol.asyncDispose]();
      expect(await keys(store)).toEqual(['k']);
    });

    test('a put with a lease that has ended is refused, and so is all of its transaction', async () => {
      const store = await fresh();
      const lease = await store.lease(30);
      await lease[Symbol.asyncDispose]();
      const late = store.commit({
        put: [
          { key: 'a', value: bytes('1') },
          { key: 'b', value: bytes('1'), lease: lease.id },
        ],
      });
      await expect(late).rejects.toThrow(NotFound);
      expect(await keys(store)).toEqual([]);
    });
  });
}
