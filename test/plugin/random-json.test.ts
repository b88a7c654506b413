import { Agent } from 'node:http';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { METHODS, type MethodName, socketOf, VALID } from './bad-input/bad-input.ts';
import { exchange } from './plugin-client.ts';
import { openFixture, type PluginFixture } from './plugin-fixture.ts';

let fixture: PluginFixture;
const agent = new Agent({ keepAlive: true });

beforeAll(async () => {
  fixture = await openFixture();
});

afterAll(async () => {
  agent.destroy();
  await fixture[Symbol.asyncDispose]();
});

/** Sends a body and asserts what holds for every body: JSON comes back, with Err when it was refused. */
async function survives(method: MethodName, body: string | Buffer): Promise<void> {
  const socket = socketOf(method) === 'ipam' ? fixture.ipam : fixture.bridge;
  const answer = await exchange(socket, { path: `/${method}`, body, agent });
  expect(answer.contentType).toBe('application/vnd.docker.plugins.v1.2+json');
  expect(answer.json, answer.text).toBeDefined();
  if (answer.status === 200) {
    expect(answer.json).not.toHaveProperty('Err');
  } else {
    expect([400, 413, 500]).toContain(answer.status);
    expect(answer.json?.['Err']).toMatch(/./);
    expect(answer.json?.['Error']).toBe(answer.json?.['Err']);
    expect(answer.json?.['Err']).not.toContain('in a way it should not');
  }
}

/** Every place in a value: the way to each field and element. */
function pathsOf(value: unknown, path: readonly (string | number)[] = []): (readonly (string | number)[])[] {
  if (typeof value !== 'object' || value === null) return [path];
  const entries = Array.isArray(value) ? [...value.entries()] : Object.entries(value);
  return [path, ...entries.flatMap(([key, item]) => pathsOf(item, [...path, key]))];
}

function replaced(value: unknown, [step, ...rest]: readonly (string | number)[], by: unknown): unknown {
  if (step === undefined) return by;
  const copy = (Array.isArray(value) ? [...value] : { ...(value as object) }) as Record<
    string | number,
    unknown
  >;
  copy[step] = replaced(copy[step], rest, by);
  return copy;
}

const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom(
    '',
    '0.0.0.0/0',
    '::/0',
    '198.18.7.0/24',
    'fd00::1',
    '02:42:ac:11:00:99',
    '/run/x',
    '\0',
    '🜁',
  ),
);
const anyValue = fc.oneof(
  anyText,
  fc.jsonValue({ maxDepth: 6, stringUnit: 'binary' }),
  fc.double(),
  fc.array(fc.dictionary(fc.constantFrom('Proto', 'Port', 'HostPort', 'Pool', '__proto__'), fc.jsonValue())),
);

describe.each(METHODS)('%s', (method) => {
  test('any JSON value is answered', async () => {
    const values = fc.jsonValue({ maxDepth: 8, stringUnit: 'binary' });
    await fc.assert(
      fc.asyncProperty(values, (value) => survives(method, JSON.stringify(value))),
      { numRuns: 40 },
    );
  });

  test('any one value in its arguments replaced by another is answered', async () => {
    const path = fc.constantFrom(...pathsOf(VALID[method]));
    await fc.assert(
      fc.asyncProperty(path, anyValue, (at, value) =>
        survives(method, JSON.stringify(replaced(VALID[method], at, value) ?? null)),
      ),
      { numRuns: 120 },
    );
  });

  test('any bytes, and its arguments cut or overwritten anywhere, are answered', async () => {
    const text = Buffer.from(JSON.stringify(VALID[method]));
    const damaged = fc
      .tuple(fc.nat(text.length), fc.nat(text.length), fc.uint8Array({ maxLength: 8 }))
      .map(([from, to, bytes]) => Buffer.concat([text.subarray(0, from), bytes, text.subarray(to)]));
    const bytes = fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array));
    await fc.assert(
      fc.asyncProperty(fc.oneof(damaged, bytes), (body) => survives(method, body)),
      {
        numRuns: 60,
      },
    );
  });
});

test('the server has logged no error of its own in all that', () => {
  expect(fixture.log.filter(({ level }) => Number(level) >= 50)).toEqual([]);
});
