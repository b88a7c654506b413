import { expect, test } from 'vitest';
import { InvalidArgument } from '../../core/errors.ts';
import { formatOrigin, parseEtcdUrl } from './endpoints.ts';
import { openEtcdStore } from './open-etcd-store.ts';

test.each([
  ['etcd://h1', ['http://h1:2379']],
  ['etcd://h1:2379,h2.example:4001', ['http://h1:2379', 'http://h2.example:4001']],
  ['etcds://192.0.2.1,[fd00::1]:2380/', ['https://192.0.2.1:2379', 'https://[fd00::1]:2380']],
])('%s names its members', (text, origins) => {
  expect(parseEtcdUrl(text).endpoints.map(formatOrigin)).toEqual(origins);
});

test('user and password may be percent-encoded', () => {
  expect(parseEtcdUrl('etcd://weft:p%40ss%3A%2F@h1')).toMatchObject({ user: 'weft', password: 'p@ss:/' });
});

test.each([
  'http://h1:2379',
  'etcd://',
  'etcd://h1,',
  'etcd://h1:0',
  'etcd://h1:65536',
  'etcd://h1:2379/path',
  'etcd://fd00::1:2379',
  'etcd://[h1]:2379',
  'etcd://user@h1',
  'etcd://user:a:b@h1',
  'etcd://u%:p@h1',
  'etcd://h 1',
])('%s is refused', (text) => {
  expect(() => parseEtcdUrl(text)).toThrow(InvalidArgument);
});

test('a refusal does not show the password', () => {
  expect(() => parseEtcdUrl('http://weft:secret@h1')).toThrow(/^((?!secret).)*$/);
  expect(() => parseEtcdUrl('etcd://weft:secret@h1/x')).toThrow(/^((?!secret).)*$/);
});

const log = { info: () => undefined, warn: () => undefined };
test.each([
  ['no endpoints', { endpoints: [] }],
  ['an empty prefix', { endpoints: 'etcd://h1', prefix: '' }],
  ['a certificate without its key', { endpoints: 'etcd://h1', tls: { cert: 'x' } }],
  ['a user without a password', { endpoints: 'etcd://h1', user: 'weft' }],
])('a store with %s is refused', async (_, options) => {
  await expect(openEtcdStore({ ...options, log })).rejects.toThrow(InvalidArgument);
});
