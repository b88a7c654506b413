import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FrameReader, frame } from './frames.ts';

test('messages come out as they went in, however the stream is cut', () => {
  const messages = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 10 });
  const cuts = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(messages, cuts, (sent, sizes) => {
      const stream = Buffer.concat(sent.map((each) => frame(Buffer.from(each))));
      const reader = new FrameReader();
      const received: Buffer[] = [];
      for (let at = 0, i = 0; at < stream.length; i++) {
        const size = sizes[i % sizes.length] ?? 1;
        reader.push(stream.subarray(at, at + size));
        at += size;
        for (let each = reader.take(); each !== undefined; each = reader.take()) received.push(each);
      }
      expect(received.map((each) => each.toString('hex'))).toEqual(
        sent.map((each) => Buffer.from(each).toString('hex')),
      );
      expect(reader.waiting).toBe(0);
    }),
  );
});
