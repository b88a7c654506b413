import { describe, expect, test } from 'vitest';
import { DecodeError } from '../../core/errors.ts';
import {
  decodeHandedSockets,
  decodeKnownPorts,
  decodeOrder,
  decodeProcessNote,
  decodeReport,
  decodeSocketLabel,
} from './messages.ts';

const key = '/run/docker/netns/1';
const socket = { port: 40_000, fd: 20 };
const counts = { local: 1, cached: 0, forwarded: 2, refused: 0, limited: 0, failed: 0 };

describe('reports and orders', () => {
  test.each([
    { type: 'hello', pid: 7, build: '1+2' },
    { type: 'hello', pid: 7, build: '1+2', standby: true },
    { type: 'serving', key, namespace: 4_026_531_840, udp: socket, tcp: socket },
    { type: 'gone', key },
    { type: 'synced', session: 'a' },
    { type: 'counts', sandboxes: [{ key, counts }] },
    { type: 'log', level: 'warn', context: { a: 1 }, message: 'so' },
  ])('%j', (report) => {
    expect(decodeReport(report)).toBe(report);
  });

  test.each([
    {},
    { type: 'hello', pid: 0, build: '' },
    { type: 'serving', key: 'relative', namespace: 1, udp: socket, tcp: socket },
    { type: 'serving', key, namespace: 1, udp: { ...socket, fd: -1 }, tcp: socket },
    { type: 'counts', sandboxes: Array(201).fill({ key, counts }) },
    { type: 'log', level: 'fatal', context: {}, message: '' },
    { type: 'end' },
    null,
  ])('%j is no report', (value) => {
    expect(() => decodeReport(value)).toThrow(DecodeError);
  });

  test('orders', () => {
    expect(decodeOrder({ type: 'end' })).toEqual({ type: 'end' });
    expect(decodeOrder({ type: 'handed' })).toEqual({ type: 'handed' });
    expect(decodeOrder({ type: 'appeared', key })).toEqual({ type: 'appeared', key });
    expect(() => decodeOrder({ type: 'appeared' })).toThrow(DecodeError);
  });
});

test('what processes leave to each other', () => {
  expect(decodeProcessNote({ pid: 1, build: 'b' })).toEqual({ pid: 1, build: 'b' });
  expect(() => decodeProcessNote('1')).toThrow(DecodeError);
  expect(decodeHandedSockets([{ key, namespace: 1, udp: 3, tcp: 4 }])).toHaveLength(1);
  expect(() => decodeHandedSockets([{ key, namespace: 1, udp: 3 }])).toThrow(DecodeError);
  expect(decodeSocketLabel({ key, namespace: 1 })).toEqual({ key, namespace: 1 });
  expect(() => decodeSocketLabel({ key })).toThrow(DecodeError);
  expect(decodeKnownPorts([{ key, udp: 1024, tcp: 1025 }])).toHaveLength(1);
  expect(() => decodeKnownPorts([{ key, udp: 0, tcp: 1025 }])).toThrow(DecodeError);
});
