import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { METHODS, VALID } from './bad-input/bad-input.ts';
import { BAD_INPUT } from './bad-input-table.ts';
import { call, exchange } from './plugin-client.ts';
import { openFixture, type PluginFixture } from './plugin-fixture.ts';

let fixture: PluginFixture;

beforeAll(async () => {
  fixture = await openFixture();
});

afterAll(() => fixture[Symbol.asyncDispose]());

function socketPath(socket: 'network' | 'ipam'): string {
  return socket === 'network' ? fixture.bridge : fixture.ipam;
}

describe('the table', () => {
  test('has at least 150 cases, all with titles of their own', () => {
    expect(BAD_INPUT.length).toBeGreaterThanOrEqual(150);
    expect(new Set(BAD_INPUT.map(({ title }) => title)).size).toBe(BAD_INPUT.length);
  });

  test.each(METHODS)('%s is accepted without the change that a case makes', async (method) => {
    const socket = method.startsWith('IpamDriver.') ? fixture.ipam : fixture.bridge;
    expect(await call(socket, method, VALID[method])).toMatchObject({ status: 200 });
  });
});

describe('bad input', () => {
  test.each(BAD_INPUT.map((input) => [input.title, input] as const))('%s', async (_title, input) => {
    const socket = socketPath(input.socket);
    const before = fixture.recorder.calls.length;
    const answer = await exchange(socket, {
      path: input.path,
      ...(input.verb === undefined ? {} : { method: input.verb }),
      ...(input.headers === undefined ? {} : { headers: input.headers }),
      ...(input.body === undefined ? {} : { body: input.body }),
    });
    expect(answer.status, answer.text).toBe(input.status);
    expect(answer.contentType).toBe('application/vnd.docker.plugins.v1.2+json');
    expect(answer.json).toEqual({ Err: expect.any(String), Error: answer.json?.['Err'] });
    for (const text of input.err) expect(answer.json?.['Err']).toContain(text);
    expect(answer.text.length).toBeLessThan(1000);
    expect(fixture.recorder.calls).toHaveLength(before);
    expect((await call(socket, 'Plugin.Activate')).status).toBe(200);
  });
});
