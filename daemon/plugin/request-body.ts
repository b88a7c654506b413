import type { IncomingMessage } from 'node:http';

/** Three thousand times an ordinary call, and room for a network with ten thousand auxiliary addresses. */
export const MAX_BODY_BYTES = 1_048_576;

/** Stands for a body over `MAX_BODY_BYTES`, of which nothing was kept. */
export const TOO_LARGE: unique symbol = Symbol('request body too large');

/** The bytes of a request; undefined when it has none. */
export type RequestBody = Buffer | undefined | typeof TOO_LARGE;

/**
 * Reads a body to its end. One that is too large is read to its end as well, without being kept: a socket that is
 * closed with unread data in it takes the answer away from the other side (net/unix/af_unix.c: unix_release_sock()).
 */
export function readRequestBody(
  payload: IncomingMessage,
  done: (error: Error | null, body?: RequestBody) => void,
): void {
  const chunks: Buffer[] = [];
  let size = 0;
  payload.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size <= MAX_BODY_BYTES) chunks.push(chunk);
    else chunks.length = 0;
  });
  payload.once('end', () => done(null, size > MAX_BODY_BYTES ? TOO_LARGE : Buffer.concat(chunks)));
  payload.once('error', done);
}
