const LENGTH_BYTES = 2;

/** Takes messages out of a stream: each after its length in two bytes (RFC 1035 section 4.2.2). */
export class FrameReader {
  #chunks: Buffer[] = [];
  #bytes = 0;

  /** Bytes that wait to be taken. */
  get waiting(): number {
    return this.#bytes;
  }

  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
  }

  /** The next message if it is there as a whole; it may be empty. */
  take(): Buffer | undefined {
    if (this.#bytes < LENGTH_BYTES) return undefined;
    const [first] = this.#chunks;
    if (first === undefined || first.length < LENGTH_BYTES) this.#join();
    const end = LENGTH_BYTES + (this.#chunks[0]?.readUInt16BE(0) ?? 0);
    if (this.#bytes < end) return undefined;
    if ((this.#chunks[0]?.length ?? 0) < end) this.#join();
    const [whole = Buffer.alloc(0)] = this.#chunks;
    if (whole.length === end) this.#chunks.shift();
    else this.#chunks[0] = whole.subarray(end);
    this.#bytes -= end;
    return whole.subarray(LENGTH_BYTES, end);
  }

  /** Once for each message at most, and of no more than one message and one chunk. */
  #join(): void {
    this.#chunks = [Buffer.concat(this.#chunks)];
  }
}

/** A message as it goes over a stream. */
export function frame(message: Buffer): Buffer {
  const framed = Buffer.allocUnsafe(LENGTH_BYTES + message.length);
  framed.writeUInt16BE(message.length, 0);
  message.copy(framed, LENGTH_BYTES);
  return framed;
}
