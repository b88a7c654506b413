import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import { CallRunner } from '../../daemon/plugin/call-runner.ts';
import { pluginApp } from '../../daemon/plugin/plugin-app.ts';
import { ReadyGate } from '../../daemon/plugin/ready-gate.ts';
import { openFixture } from './plugin-fixture.ts';

const ACTIVATE = 'POST /Plugin.Activate HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n';

describe('T6 idle connections', () => {
  test('one that has been idle for 31 s still answers, and so does one that was never used', async () => {
    await using fixture = await openFixture();
    const used = connect(fixture.bridge);
    const unused = connect(fixture.bridge);
    used.write(ACTIVATE);
    const [first] = await once(used, 'data');
    expect(String(first)).toMatch(/^HTTP\/1\.1 200 /);
    expect(String(first)).not.toMatch(/^keep-alive:/im);

    await delay(31_000);
    for (const socket of [used, unused]) {
      socket.write(ACTIVATE);
      const [answer] = await once(socket, 'data');
      expect(String(answer)).toMatch(/^HTTP\/1\.1 200 /);
      socket.destroy();
    }
  }, 40_000);

  test('no time limit is set that ten minutes could reach', async () => {
    const log = pino({ level: 'silent' });
    const gate = new ReadyGate(undefined);
    const context = { plugin: 'weft', log, gate, deadlines: { readyMs: 1, callMs: 1 } } as const;
    const app = pluginApp({ plugin: 'weft', methods: [], runner: new CallRunner(context), log });
    const { keepAliveTimeout, requestTimeout, headersTimeout, timeout, maxRequestsPerSocket } = app.server;
    expect({ keepAliveTimeout, requestTimeout, headersTimeout, timeout, maxRequestsPerSocket }).toEqual({
      keepAliveTimeout: 0,
      requestTimeout: 0,
      headersTimeout: 0,
      timeout: 0,
      maxRequestsPerSocket: 0,
    });
    await app.close();
  });
});
