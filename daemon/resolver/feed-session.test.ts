import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Facts, Feed, type FeedMessage } from '../../discovery/index.ts';
import { MemoryNames } from '../../test/fakes/memory-names.ts';
import { aName } from '../../test/support/a-name.ts';
import { MemorySandboxes } from '../../test/support/memory-sandboxes.ts';
import { poll } from '../../test/support/poll.ts';
import { FactSource } from './fact-source.ts';
import { FeedSession } from './feed-session.ts';

function scene() {
  const naming = new MemoryNames();
  const source = new FactSource({
    naming,
    sandboxes: new MemorySandboxes(),
    ttlOf: () => undefined,
    serversOf: () => [],
  });
  return { naming, source };
}

test('all, then each change, as they are when they are sent', async () => {
  const { naming, source } = scene();
  for (let i = 0; i < 130; i++) naming.putName(aName(`e${i}`, [`n${i}`]));
  const facts = new Facts([]);
  const feed = new Feed(facts);
  const sent: FeedMessage[] = [];
  let go = (): void => undefined;
  const session = new FeedSession(source, async (message) => {
    sent.push(message);
    feed.receive(message);
    // As long as the process does not read.
    if (sent.length === 2) await new Promise<void>((resolve) => (go = resolve));
  });
  await poll(() => sent.length === 2);
  naming.dropName('net-id', 'e0' as never);
  for (let i = 0; i < 500; i++) naming.putName(aName('e129', [`changed${i}`]));
  await sleep(10);
  expect(sent).toHaveLength(2);
  go();
  await poll(() => feed.isSynced && facts.size === 129);
  const names = [...facts].flatMap((fact) => (fact.kind === 'endpoint' ? fact.endpoint.names : []));
  expect(names).toContain('changed499');
  expect(sent.length).toBeLessThan(8);
  naming.putName(aName('late', ['late']));
  await poll(() => facts.size === 130);
  const { length } = sent;
  session[Symbol.dispose]();
  naming.putName(aName('later', ['later']));
  await sleep(10);
  expect(sent).toHaveLength(length);
});
