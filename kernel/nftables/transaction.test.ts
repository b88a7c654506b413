import { describe, expect, test } from 'vitest';
import { Conflict, Internal, KernelError } from '../../core/errors.ts';
import type { ElementObject, KernelObject, TableObject } from '../../core/kernel-objects.ts';
import type { Step } from '../../core/ports.ts';
import { ensureTable } from './ensure-table.ts';
import { exampleTable } from './example-table.ts';
import { foldSteps } from './fold.ts';
import { tableObject } from './table-object.ts';
import { type Installed, planTransaction } from './transaction.ts';

const table = exampleTable('ip');
const sets = new Map(table.sets.map((set) => [set.name, set]));
const object = tableObject(table);

const installed: Installed = {
  tablePieces: (made) => ensureTable(made, undefined),
  setOf: (family, name, set) => (family === 'ip' && name === 'weft' ? sets.get(set) : undefined),
  settled: new Set(),
};

function element(set: string, key: readonly string[], data?: readonly string[]): ElementObject {
  return { kind: 'element', family: 'ip', table: 'weft', set, key, ...(data && { data }) };
}

function steps(...list: readonly (readonly [Step['op'], KernelObject])[]): readonly Step[] {
  return list.map(([op, object]) => (op === 'replace' ? { op, object, was: object } : { op, object }));
}

/** The transaction in words. */
async function lines(list: readonly Step[], known = installed): Promise<readonly string[]> {
  return (await planTransaction(foldSteps(list), known)).map(({ step }) => step);
}

describe('a transaction', () => {
  const source = element('sources', ['eth1'], ['10.0.0.1']);
  const other = element('sources', ['eth1'], ['10.0.0.2']);
  const bridge = element('bridges', ['br0']);

  test('removes elements, makes tables, adds elements, and removes tables last', async () => {
    const gone: TableObject = { kind: 'table', family: 'ip6', name: 'weft', fingerprint: '' };
    const list = await lines(
      steps(['delete', gone], ['create', bridge], ['create', object], ['delete', source]),
    );
    expect(list.at(0)).toBe('delete element ip weft sources eth1');
    expect(list.at(1)).toBe('create table ip weft');
    expect(list.at(-2)).toBe('create element ip weft bridges br0');
    expect(list.at(-1)).toBe('delete table ip6 weft');
  });

  test('puts elements of one set in one message', async () => {
    const many = Array.from({ length: 2000 }, (_, n) => ['create', element('bridges', [`br${n}`])] as const);
    const pieces = await planTransaction(foldSteps(steps(...many, ['create', source])), installed);
    expect(pieces.map(({ adds }) => adds?.length)).toEqual([1170, 830, 1]);
    expect(pieces[0]?.step).toBe('create element ip weft bridges br0 and 1169 more of its set');
    expect(Math.max(...pieces.map(({ message }) => message.payload.length))).toBeLessThan(33_000);
  });

  test('replaces by removing and adding', async () => {
    expect(await lines(steps(['replace', other]))).toEqual([
      'delete element ip weft sources eth1',
      'create element ip weft sources eth1',
    ]);
  });

  test('has the net effect of steps on one element', async () => {
    expect(await lines(steps(['create', source], ['delete', source]))).toEqual([
      'delete element ip weft sources eth1',
    ]);
    expect(await lines(steps(['create', source], ['create', source]))).toHaveLength(1);
    expect(await lines(steps(['delete', source], ['create', other]))).toHaveLength(2);
    await expect(lines(steps(['create', source], ['create', other]))).rejects.toThrow(Conflict);
  });

  test('leaves the elements of a deleted table to it', async () => {
    expect(await lines(steps(['delete', bridge], ['delete', object]))).toEqual(['delete table ip weft']);
  });

  test('makes a deleted table anew', async () => {
    const list = await lines(steps(['delete', object], ['create', object]));
    expect(list.slice(0, 2)).toEqual(['delete table ip weft', 'create table ip weft']);
  });

  test('leaves out what has turned out to be so', async () => {
    const known = { ...installed, settled: new Set([`element ip weft sources eth1`]) };
    expect(await lines(steps(['replace', other], ['create', bridge]), known)).toEqual([
      'create element ip weft sources eth1',
      'create element ip weft bridges br0',
    ]);
  });

  test('adds nothing to a set that does not exist, and removes nothing from it', async () => {
    expect(await lines(steps(['delete', element('nowhere', ['x'])]))).toEqual([]);
    await expect(lines(steps(['create', element('nowhere', ['x'])]))).rejects.toThrow(KernelError);
  });

  test('takes nft objects only, and tables with content', async () => {
    const sysctl = { kind: 'sysctl', path: 'net/ipv4/ip_forward', value: '1' } as const;
    expect(() => foldSteps(steps(['create', sysctl]))).toThrow(Internal);
    const { table: _, ...bare } = object;
    await expect(lines(steps(['create', bare]))).rejects.toThrow(Internal);
  });
});
