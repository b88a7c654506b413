import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EventView } from '../../core/control.ts';
import { EventLog } from './event-log.ts';

const clock = (start = 0) => {
  let now = start;
  return {
    now: () => now,
    advance: (ms: number) => {
      now += ms;
    },
  };
};

function publish(log: EventLog, count: number): void {
  for (let i = 0; i < count; i++) log.publish({ kind: 'test', text: 'a thing happened' });
}

async function kept(log: EventLog, since?: number): Promise<readonly EventView[]> {
  const filter = { follow: false, ...(since === undefined ? {} : { since }) };
  return Array.fromAsync(log.subscribe(new AbortController().signal, filter));
}

const ids = (events: readonly EventView[]) => events.map((event) => event.id);

describe('EventLog', () => {
  it('stamps events with rising ids and the time', () => {
    const time = clock(1000);
    const log = new EventLog(time);
    expect(log.publish({ kind: 'network.create', text: 'made', network: 'n1' })).toEqual({
      id: 1,
      time: '1970-01-01T00:00:01.000Z',
      kind: 'network.create',
      text: 'made',
      network: 'n1',
      fields: {},
    });
    expect(log.publish({ kind: 'x', text: 'y', fields: { n: 1 } }).id).toBe(2);
  });

  it('shows the last 20 to a reader that names no time', async () => {
    const log = new EventLog(clock());
    publish(log, 50);
    expect(ids(await kept(log))).toEqual(Array.from({ length: 20 }, (_, i) => i + 31));
  });

  it('shows everything kept since a time', async () => {
    const time = clock(0);
    const log = new EventLog(time);
    publish(log, 30);
    time.advance(5000);
    publish(log, 2);
    expect(ids(await kept(log, 5000))).toEqual([31, 32]);
    expect(ids(await kept(log, 0))).toHaveLength(32);
    expect(await kept(log, 5001)).toEqual([]);
  });

  it('forgets the oldest beyond its capacity', async () => {
    const log = new EventLog(clock(), 3);
    publish(log, 10);
    expect(ids(await kept(log, 0))).toEqual([8, 9, 10]);
  });

  it('delivers what is published while a reader waits, to every reader', async () => {
    const log = new EventLog(clock());
    const stop = new AbortController();
    const readers = [log.subscribe(stop.signal), log.subscribe(stop.signal)];
    const first = readers.map((reader) => reader.next());
    publish(log, 2);
    expect((await Promise.all(first)).map(({ value }) => value?.id)).toEqual([1, 1]);
    const second = await Promise.all(readers.map((reader) => reader.next()));
    expect(second.map(({ value }) => value?.id)).toEqual([2, 2]);
    stop.abort();
  });

  it('ends a waiting reader when its signal aborts', async () => {
    const stop = new AbortController();
    const next = new EventLog(clock()).subscribe(stop.signal).next();
    stop.abort();
    expect(await next).toEqual({ done: true, value: undefined });
  });

  it('tells a reader that fell behind how much it missed, then goes on', async () => {
    const log = new EventLog(clock(), 4);
    const stop = new AbortController();
    const reader = log.subscribe(stop.signal);
    publish(log, 1);
    await reader.next();
    publish(log, 10);
    const { value: lost } = await reader.next();
    expect(lost).toMatchObject({ id: 7, kind: 'events.lost', fields: { count: 6 } });
    expect((await reader.next()).value?.id).toBe(8);
    stop.abort();
  });

  it('accounts for every event whatever the reader does: delivered or counted as lost, in order', async () => {
    const steps = fc.array(fc.oneof(fc.integer({ min: 1, max: 9 }), fc.constant('read')), { maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(steps, fc.integer({ min: 1, max: 6 }), async (walk, capacity) => {
        const log = new EventLog(clock(), capacity);
        const stop = new AbortController();
        const reader = log.subscribe(stop.signal, { since: 0 });
        let published = 0;
        let accounted = 0;
        for (const step of walk) {
          if (step === 'read') {
            if (accounted === published) continue;
            const { value } = await reader.next();
            accounted += value?.kind === 'events.lost' ? Number(value.fields['count']) : 1;
            expect(value?.id).toBe(accounted);
          } else {
            published += step;
            publish(log, step);
          }
        }
        stop.abort();
      }),
    );
  });
});
