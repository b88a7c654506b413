import { describe, expect, test } from 'vitest';
import type { EndpointId } from '../../core/ids.ts';
import { type Declared, mergeDeclarations, parseDeclaration } from './index.ts';

function declared(endpoint: string, declaredAt: number, labels: Record<string, string> = {}): Declared {
  const declaration = parseDeclaration({ 'weft.service': 'web', ...labels });
  if (declaration === undefined) throw new Error('nothing declared');
  return { endpoint: endpoint as EndpointId, declaredAt, declaration };
}

describe('declarations of one service', () => {
  test('of nobody are nothing', () => {
    expect(mergeDeclarations([])).toBeUndefined();
  });

  test('that agree hold as they are; weight and health may differ', () => {
    const port = { 'weft.service.port': '80:8080' };
    expect(
      mergeDeclarations([
        declared('a', 1, { ...port, 'weft.service.weight': '3' }),
        declared('b', 2, { ...port, 'weft.service.health': 'tcp:8080' }),
      ]),
    ).toEqual({ ports: [{ protocol: 'tcp', port: 80, target: 8080 }], differences: [] });
  });

  test('that differ: the first in time holds, and the others are said', () => {
    const affine = { 'weft.service.affinity': 'client', 'weft.service.affinity.timeout': '1m' };
    expect(
      mergeDeclarations([
        declared('b', 5, { 'weft.service.port': '81' }),
        declared('a', 3, { 'weft.service.port': '80', ...affine }),
      ]),
    ).toEqual({
      ports: [{ protocol: 'tcp', port: 80, target: 80 }],
      affinity: { timeoutSeconds: 60 },
      differences: [
        { endpoint: 'b', key: 'weft.service.port', declared: '81/tcp', used: '80/tcp' },
        { endpoint: 'b', key: 'weft.service.affinity', declared: 'none', used: 'client' },
        { endpoint: 'b', key: 'weft.service.affinity.timeout', declared: '', used: '60s' },
      ],
    });
  });

  test('of one moment: the first id holds, in whatever order they are given', () => {
    const a = declared('a', 1, { 'weft.service.port': '80' });
    const b = declared('b', 1);
    expect(mergeDeclarations([a, b])?.ports).toHaveLength(1);
    expect(mergeDeclarations([b, a])?.ports).toHaveLength(1);
  });

  test('are the same ports in whatever order they are written', () => {
    const one = declared('a', 1, { 'weft.service.port': '80,53/udp' });
    const other = declared('b', 2, { 'weft.service.port': '53/udp, 80/tcp' });
    expect(mergeDeclarations([one, other])?.differences).toEqual([]);
  });
});
