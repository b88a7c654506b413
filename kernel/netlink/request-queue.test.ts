import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { KernelError, Unavailable } from '../../core/errors.ts';
import { decodeMessages, encodeMessages, type NetlinkMessage, type ReceivedMessage } from './message.ts';
import { NLM_F, NLMSG } from './netlink-header.ts';
import { RequestQueue } from './request-queue.ts';

const PLAIN: NetlinkMessage = { type: 18, flags: 0, payload: new Uint8Array() };
const { NLMSG_DONE, NLMSG_ERROR } = NLMSG;

const byHand = () => undefined;
const tooLong = () => Promise.reject(Object.assign(new Error('no'), { code: 'EMSGSIZE' }));

/** A kernel whose answers the test gives by hand; it keeps what was sent to it. */
function kernel() {
  const sent: ReceivedMessage[][] = [];
  const queue = new RequestQueue(async (bytes) => {
    sent.push(decodeMessages(bytes));
  }, byHand);
  const answer = (
    seq: number,
    type: number,
    payload = new Uint8Array(20),
    flags: number = NLM_F.NLM_F_CAPPED,
  ) => queue.receive(encodeMessages([{ type, flags, payload }], seq));
  const refuse = (seq: number, errno: number) => {
    const payload = new Uint8Array(20);
    new DataView(payload.buffer).setInt32(0, -errno, true);
    answer(seq, NLMSG_ERROR, payload);
  };
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  return { sent, queue, answer, refuse, turn, ack: (seq: number) => answer(seq, NLMSG_ERROR) };
}

describe('requests', () => {
  test('of one turn go in one send, and each gets the replies before its acknowledgement', async () => {
    const { sent, queue, answer, ack, turn } = kernel();
    const [a, b] = [queue.request(PLAIN, 'a'), queue.request(PLAIN, 'b')];
    await turn();
    expect(sent.map((messages) => messages.length)).toEqual([2]);
    expect(sent[0]?.[0]?.flags).toBe(NLM_F.NLM_F_REQUEST | NLM_F.NLM_F_ACK);
    answer(1, 16, Uint8Array.of(7));
    ack(2);
    ack(1);
    expect(await b).toEqual([]);
    expect((await a).map(({ payload }) => payload[0])).toEqual([7]);
  });

  test('never more than 32 are in flight', async () => {
    const { sent, queue, ack, turn } = kernel();
    const all = Promise.all(Array.from({ length: 100 }, () => queue.request(PLAIN, 'x')));
    await turn();
    expect(sent.flat()).toHaveLength(32);
    let acked = 0;
    while (acked < 100) {
      ack(++acked);
      await turn();
      expect(sent.flat().length - acked).toBeLessThanOrEqual(32);
    }
    await all;
    expect(sent.length).toBeLessThan(10);
  });

  test('a refusal rejects that one only', async () => {
    const { queue, refuse, ack, turn } = kernel();
    const outcomes = Promise.allSettled([queue.request(PLAIN, 'make a'), queue.request(PLAIN, 'make b')]);
    await turn();
    refuse(1, 17);
    ack(2);
    const [a, b] = await outcomes;
    expect(a).toMatchObject({ status: 'rejected', reason: { errno: 'EEXIST', context: { step: 'make a' } } });
    expect(b?.status).toBe('fulfilled');
  });

  test('a send that fails rejects what was in it', async () => {
    const queue = new RequestQueue(tooLong, byHand);
    await expect(queue.request(PLAIN, 'too long')).rejects.toMatchObject({ errno: 'EMSGSIZE' });
  });

  test('bytes that are no message fail what waits', async () => {
    const { queue, turn } = kernel();
    const waiting = expect(queue.request(PLAIN, 'x')).rejects.toMatchObject({ code: 'decode' });
    await turn();
    queue.receive(Uint8Array.of(1, 2, 3));
    await waiting;
  });

  test('answers to nobody are ignored', async () => {
    const { queue, ack, turn } = kernel();
    ack(99);
    const waiting = queue.request(PLAIN, 'x');
    await turn();
    ack(99);
    ack(1);
    expect(await waiting).toEqual([]);
  });
});

describe('groups', () => {
  const group = (...steps: string[]) => steps.map((step) => ({ ...PLAIN, step: () => step }));

  test('go in one send that asks for one acknowledgement', async () => {
    const { sent, queue, ack, turn } = kernel();
    const refusals = queue.group(group('a', 'b', 'c'));
    await turn();
    expect(sent.map((messages) => messages.map(({ flags }) => (flags & NLM_F.NLM_F_ACK) !== 0))).toEqual([
      [false, false, true],
    ]);
    ack(3);
    expect(await refusals).toEqual([undefined, undefined, undefined]);
  });

  test('name what was refused, first or last', async () => {
    const { queue, refuse, turn } = kernel();
    const refusals = queue.group(group('a', 'b', 'c'));
    await turn();
    refuse(1, 17);
    refuse(3, 19);
    const [a, b, c] = await refusals;
    expect(a).toMatchObject({ errno: 'EEXIST', context: { step: 'a' } });
    expect(b).toBeUndefined();
    expect(c).toMatchObject({ errno: 'ENODEV', context: { step: 'c' } });
  });

  test('keep their place among requests, and two are under way at most', async () => {
    const { sent, queue, ack, turn } = kernel();
    const before = queue.request(PLAIN, 'before');
    const groups = [group('a'), group('b', 'c'), group('d')].map((each) => queue.group(each));
    const after = queue.request(PLAIN, 'after');
    await turn();
    await turn();
    expect(sent.map((messages) => messages.map(({ seq }) => seq))).toEqual([[1], [2], [3, 4]]);
    ack(1);
    ack(2);
    await turn();
    ack(4);
    ack(5);
    await turn();
    expect(sent.map((messages) => messages.map(({ seq }) => seq)).slice(3)).toEqual([[5], [6]]);
    ack(6);
    expect(await before).toEqual([]);
    expect((await Promise.all(groups)).flat()).toEqual([undefined, undefined, undefined, undefined]);
    expect(await after).toEqual([]);
  });

  test('fail as a whole with the send, and when the queue closes', async () => {
    const broken = new RequestQueue(tooLong, byHand);
    expect(await broken.group(group('a', 'b'))).toMatchObject([{ errno: 'EMSGSIZE' }, { errno: 'EMSGSIZE' }]);
    const { queue, refuse, turn } = kernel();
    const refusals = queue.group(group('a', 'b'));
    await turn();
    refuse(1, 17);
    await queue.close(new Unavailable('closed'));
    expect(await refusals).toMatchObject([{ errno: 'EEXIST' }, { message: 'closed' }]);
    expect(await queue.group(group('c'))).toMatchObject([{ message: 'closed' }]);
  });
});

describe('dumps', () => {
  const done = new Uint8Array(4);

  test('run one at a time while requests pass', async () => {
    const { sent, queue, answer, ack, turn } = kernel();
    const [first, second] = [queue.dump(PLAIN, 'd1'), queue.dump(PLAIN, 'd2')];
    const request = queue.request(PLAIN, 'r');
    await turn();
    expect(sent.flat().map(({ flags }) => (flags & NLM_F.NLM_F_DUMP) !== 0)).toEqual([true, false]);
    ack(2);
    await request;
    answer(1, 16);
    answer(1, NLMSG_DONE, done);
    expect(await first).toHaveLength(1);
    await turn();
    answer(3, NLMSG_DONE, done);
    expect(await second).toHaveLength(0);
  });

  test('are read again when interrupted, and fail when it never ends', async () => {
    const { sent, queue, answer, turn } = kernel();
    const once = queue.dump(PLAIN, 'd');
    await turn();
    answer(1, 16, new Uint8Array(4), NLM_F.NLM_F_MULTI | NLM_F.NLM_F_DUMP_INTR);
    answer(1, NLMSG_DONE, done);
    await turn();
    answer(2, 16);
    answer(2, 16);
    answer(2, NLMSG_DONE, done);
    expect(await once).toHaveLength(2);

    const never = expect(queue.dump(PLAIN, 'list links')).rejects.toThrow(Unavailable);
    for (let seq = 3; seq < 9; seq++) {
      await turn();
      answer(seq, NLMSG_DONE, done, NLM_F.NLM_F_DUMP_INTR);
    }
    await never;
    expect(sent).toHaveLength(8);
  });

  test('hand their messages on as they come', async () => {
    const { queue, answer, turn } = kernel();
    const seen: number[] = [];
    const dump = queue.dump(PLAIN, 'd', ({ payload }) => seen.push(payload[0] ?? 0));
    await turn();
    answer(1, 16, Uint8Array.of(5));
    expect(seen).toEqual([5]);
    answer(1, NLMSG_DONE, done);
    expect(await dump).toEqual([]);
  });
});

describe('batches', () => {
  const message = (type: number, flags = 0): NetlinkMessage => ({ type, flags, payload: new Uint8Array(4) });
  const batch = [message(0x10), message(0xa00), message(0xa00), message(0x11)];

  test('go in one send with an acknowledgement for the last change', async () => {
    const { sent, queue, ack, turn } = kernel();
    const committed = queue.batch(batch, []);
    await turn();
    expect(sent.map((messages) => messages.map(({ flags }) => flags & NLM_F.NLM_F_ACK))).toEqual([
      [0, 0, 4, 0],
    ]);
    ack(3);
    await committed;
  });

  test('wait for the one before', async () => {
    const { sent, queue, ack, turn } = kernel();
    const first = queue.batch(batch, []);
    const second = queue.batch(batch, []);
    await turn();
    expect(sent).toHaveLength(1);
    ack(3);
    await first;
    await turn();
    expect(sent).toHaveLength(2);
    ack(7);
    await second;
  });

  test('reject with the first refusal after all answers', async () => {
    const { queue, refuse, ack, turn } = kernel();
    const failed = expect(queue.batch(batch, ['begin', 'make a', 'make b', 'end'])).rejects.toMatchObject({
      errno: 'ENOENT',
      context: { index: 1, step: 'make a' },
    });
    await turn();
    refuse(2, 2);
    ack(3);
    await failed;
  });

  test('reject at once when the whole is refused', async () => {
    const { queue, refuse, turn } = kernel();
    const failed = expect(queue.batch(batch, [])).rejects.toMatchObject({
      errno: 'ERESTART',
      context: { index: 0 },
    });
    await turn();
    refuse(1, 85);
    await failed;
  });
});

describe('the end', () => {
  test('of the queue rejects what waits and refuses what comes', async () => {
    const { queue, turn } = kernel();
    const waiting = expect(queue.request(PLAIN, 'x')).rejects.toThrow('closed');
    await turn();
    await queue.close(new Unavailable('closed'));
    await waiting;
    await expect(queue.dump(PLAIN, 'x')).rejects.toThrow('closed');
    await expect(queue.batch([PLAIN], [])).rejects.toThrow('closed');
  });

  describe('of patience', () => {
    beforeEach(() => {
      vi.useFakeTimers();
    });
    afterEach(() => {
      vi.useRealTimers();
    });

    test('comes when nothing at all arrives', async () => {
      const { queue } = kernel();
      const lost = expect(queue.request(PLAIN, 'x')).rejects.toThrow('lost');
      await vi.advanceTimersByTimeAsync(6000);
      await lost;
    });

    test('does not come while the kernel is still in the send', async () => {
      const sends: (() => void)[] = [];
      const queue = new RequestQueue(() => new Promise((resolve) => sends.push(resolve)), byHand);
      const waiting = queue.request(PLAIN, 'x');
      const batch = queue.batch([{ ...PLAIN, flags: NLM_F.NLM_F_ACK }], ['make']);
      const settled = vi.fn();
      Promise.allSettled([waiting, batch]).then(settled, settled);
      await vi.advanceTimersByTimeAsync(60_000);
      expect(sends).toHaveLength(1);
      expect(settled).not.toHaveBeenCalled();
      sends[0]?.();
      await vi.advanceTimersByTimeAsync(4000);
      expect(sends).toHaveLength(2);
      await vi.advanceTimersByTimeAsync(60_000);
      expect(settled).not.toHaveBeenCalled();
      sends[1]?.();
      await vi.advanceTimersByTimeAsync(6000);
      expect(settled).toHaveBeenCalledOnce();
      await expect(batch).rejects.toThrow('lost');
    });
  });

  test('errors are KernelError', async () => {
    const { queue, refuse, turn } = kernel();
    const failed = expect(queue.request(PLAIN, 'x')).rejects.toThrow(KernelError);
    await turn();
    refuse(1, 19);
    await failed;
  });
});
