import './own-host.ts';
import { Agent } from 'node:http';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { socketOf } from '../../plugin/bad-input/bad-input.ts';
import { BAD_INPUT, type BadInput } from '../../plugin/bad-input-table.ts';
import { call, exchange } from '../../plugin/plugin-client.ts';
import { kernelState, kernelStateLike } from './kernel-witness.ts';
import { PORT_ERRORS, programError } from './port-errors.ts';
import { anyCall } from './random-json.ts';
import { Sandbox } from './sandbox.ts';
import { SEMANTIC } from './semantic-cases.ts';
import { makeHeld } from './semantic-scene.ts';
import { WeftdProcess } from './weftd-process.ts';
import { openLan, pastLeases, removeAll } from './weftd-suite.ts';

t.setTimeout(120_000);
const RANDOM_MS = 20_000;
const lan = await openLan();
const weftd = await WeftdProcess.start();
const socket = { network: weftd.socket('weft-bridge'), ipam: weftd.socket('weft') } as const;
const fresh = await kernelState();
const box = await Sandbox.open('held');
await makeHeld(weftd);

/** Runs a body and asserts that it changed nothing. */
async function unchanged(t: Test, body: () => Promise<void>): Promise<void> {
  const before = { kernel: await kernelState(), store: weftd.records() };
  await body();
  t.same(await kernelStateLike(before.kernel), before.kernel, 'kernel is unchanged');
  t.same(weftd.records(), before.store, 'store is unchanged');
}

const groups = Map.groupBy(BAD_INPUT, (input: BadInput) => input.path.slice(0, 60));
for (const [path, inputs] of groups) {
  await t.test(`${path}: ${inputs.length} requests that cannot be decoded`, (t) =>
    unchanged(t, async () => {
      for (const input of inputs) {
        const { verb, headers, body } = input;
        const answer = await exchange(socket[input.socket], {
          path: input.path,
          ...(verb === undefined ? {} : { method: verb }),
          ...(headers === undefined ? {} : { headers }),
          ...(body === undefined ? {} : { body }),
        });
        const said = String(answer.json?.['Err']);
        t.equal(answer.status, input.status, `${input.title}: ${said.slice(0, 150)}`);
        t.equal(answer.json?.['Error'], said);
        for (const text of input.err) t.ok(said.includes(text), text);
        t.equal((await call(socket[input.socket], 'Plugin.Activate')).status, 200, 'it still answers');
      }
    }),
  );
}

for (const { title, socket: name, method, body, err } of SEMANTIC) {
  await t.test(`${method} ${title}`, (t) =>
    unchanged(t, async () => {
      const { status, json } = await call(weftd.socket(name), method, body);
      t.ok(status === 400 || status === 500, `status ${status}`);
      t.match(json?.['Err'] ?? 'no Err', err);
      t.equal(json?.['Error'], json?.['Err']);
      t.ok(String(json?.['Err']).length < 500, 'short enough for a terminal');
    }),
  );
}

for (const { title, mappings, err } of PORT_ERRORS) {
  await t.test(`published ports: ${title}`, (t) =>
    unchanged(t, async () => {
      t.match((await programError(weftd, mappings)) ?? 'no Err', err);
    }),
  );
}

await t.test('there are enough of each', async (t) => {
  t.ok(BAD_INPUT.length >= 300, `${BAD_INPUT.length}`);
  t.ok(SEMANTIC.length + PORT_ERRORS.length >= 40, `${SEMANTIC.length + PORT_ERRORS.length}`);
});

await t.test('random JSON for 20 s', async (t) => {
  const agent = new Agent({ keepAlive: true });
  const counts = new Map<number, number>();
  const property = fc.asyncProperty(anyCall, async ({ method, body }) => {
    const { status, json, text } = await exchange(socket[socketOf(method)], {
      path: `/${method}`,
      body,
      agent,
    });
    counts.set(status, (counts.get(status) ?? 0) + 1);
    if (json === undefined) throw new Error(`not JSON: ${text}`);
    if (status === 200 ? 'Err' in json : json['Err'] !== json['Error']) throw new Error(text);
    if (![200, 400, 500].includes(status)) throw new Error(`status ${status}`);
    if (/in a way it should not/.test(text)) throw new Error(text);
  });
  await fc.assert(property, {
    numRuns: 1_000_000,
    interruptAfterTimeLimit: RANDOM_MS,
    markInterruptAsFailure: false,
  });
  agent.destroy();
  t.ok((counts.get(200) ?? 0) > 100 && (counts.get(400) ?? 0) > 100, JSON.stringify([...counts]));
  t.equal(weftd.running, true);
  t.same(weftd.logged(50), [], 'no error of its own');
});

await t.test('when all is deleted nothing is left', async (t) => {
  await removeAll(weftd);
  t.same(await kernelStateLike(fresh), fresh);
  t.same(pastLeases(weftd.records()), {});
});

box[Symbol.dispose]();
await weftd[Symbol.asyncDispose]();
lan[Symbol.dispose]();
