import { expect, test } from 'vitest';
import { InvalidArgument } from '../../core/errors.ts';
import { parseTarget } from './target.ts';

const tcp = (port: number) => ({ port, protocol: 'tcp' });

test.each([
  ['web', { ref: 'web' }],
  ['web:80', { ref: 'web', port: tcp(80) }],
  ['web-1_x.y:65535/tcp', { ref: 'web-1_x.y', port: tcp(65_535) }],
  ['web:53/udp', { ref: 'web', port: { port: 53, protocol: 'udp' } }],
  ['10.0.0.2', { ref: '10.0.0.2' }],
  ['10.0.0.2:80', { ref: '10.0.0.2', port: tcp(80) }],
  ['fd00::2', { ref: 'fd00::2' }],
  ['fd00::0:2', { ref: 'fd00::2' }],
  ['[fd00::2]', { ref: 'fd00::2' }],
  ['[fd00::2]:80/sctp', { ref: 'fd00::2', port: { port: 80, protocol: 'sctp' } }],
])('%s', (text, target) => {
  expect(parseTarget(text)).toEqual(target);
});

test.each([
  '',
  ':80',
  'web:',
  'web:0',
  'web:65536',
  'web:80/icmp',
  'web:http',
  '[web]:80',
  '[fd00::2',
  'a:b:80',
])('%j is refused', (text) => {
  expect(() => parseTarget(text)).toThrow(InvalidArgument);
});
