import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { EventStream } from './event-stream.ts';
import { encodeMessages } from './message.ts';

const datagram = encodeMessages([{ type: 16, flags: 0, payload: new Uint8Array(4) }], 0);

function stream() {
  const seen = { messages: 0, overruns: 0, drops: 0 };
  const events = new EventStream(
    {
      onMessage: () => {
        seen.messages++;
      },
      onOverrun: () => {
        seen.overruns++;
      },
    },
    () => seen.drops,
  );
  return { seen, events };
}

describe('an event stream', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test('hands on notifications and does not look for losses without a burst', () => {
    const { seen, events } = stream();
    seen.drops = 5;
    events.receive(datagram);
    vi.advanceTimersByTime(100);
    expect(seen).toMatchObject({ messages: 1, overruns: 0 });
  });

  test('tells of losses after a burst, once', () => {
    const { seen, events } = stream();
    seen.drops = 5;
    for (let i = 0; i < 300; i++) events.receive(datagram);
    vi.advanceTimersByTime(100);
    for (let i = 0; i < 300; i++) events.receive(datagram);
    vi.advanceTimersByTime(100);
    expect(seen).toMatchObject({ messages: 600, overruns: 1 });
  });

  test('counts what it cannot read as lost', () => {
    const { seen, events } = stream();
    events.receive(Uint8Array.of(1, 2));
    expect(seen.overruns).toBe(1);
  });

  test('is silent after it is closed', () => {
    const { seen, events } = stream();
    events.close();
    events.receive(datagram);
    events.fail();
    expect(seen).toMatchObject({ messages: 0, overruns: 0 });
  });
});
