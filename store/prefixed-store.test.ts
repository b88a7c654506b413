import { expect, test } from 'vitest';
import { Conflict } from '../core/errors.ts';
import { storeContract } from '../test/contract/store.ts';
import { MemoryStore } from '../test/fakes/memory-store.ts';
import { prefixedStore } from './prefixed-store.ts';

storeContract('a prefixed store', async () => prefixedStore(new MemoryStore(), 'part/'));

const value = new Uint8Array();

test('parts of one store do not see each other', async () => {
  await using whole = new MemoryStore();
  const one = prefixedStore(whole, 'one/');
  const two = prefixedStore(whole, 'two/');
  await one.commit({ put: [{ key: 'k', value }] });
  await two.commit({ put: [{ key: 'k', value }], delete: ['l'] });
  await one.commit({ delete: ['k'] });
  expect((await two.list('')).entries.map(({ key }) => key)).toEqual(['k']);
  expect((await whole.list('')).entries.map(({ key }) => key)).toEqual(['two/k']);
});

test('a conflict names the key as the caller does', async () => {
  await using whole = new MemoryStore();
  const part = prefixedStore(whole, 'part/');
  const refused = part.commit({ expect: [{ key: 'k', revision: 3n }], delete: ['k'] });
  await expect(refused).rejects.toThrow(Conflict);
  await expect(refused).rejects.toMatchObject({
    message: 'k has revision 0, expected 3',
    context: { key: 'k' },
  });
});

test('disposing of a part leaves the whole open', async () => {
  await using whole = new MemoryStore();
  const part = prefixedStore(whole, 'part/');
  await part[Symbol.asyncDispose]();
  await whole.commit({ put: [{ key: 'k', value }] });
  expect((await whole.list('')).entries).toHaveLength(1);
});
