import { HEADER_BYTES } from './header.ts';

const MAX_NAME_BYTES = 255;
const MAX_LABEL_BYTES = 63;

/** The bytes of a question: name, type and class. */
export interface QuestionBytes {
  /** In the case that the asker chose, which its reply repeats. */
  readonly bytes: Buffer;
  /** The same for all that differ in case only. */
  readonly key: string;
  readonly class: number;
}

/**
 * The question right after the header; undefined when it is cut short, or its name is too long or compressed: nothing
 * stands before it that it could point to.
 */
export function readQuestion(packet: Buffer): QuestionBytes | undefined {
  let offset = HEADER_BYTES;
  for (;;) {
    const length = packet[offset];
    if (length === undefined || length > MAX_LABEL_BYTES) return undefined;
    offset += 1 + length;
    if (length === 0) break;
    if (offset - HEADER_BYTES >= MAX_NAME_BYTES) return undefined;
  }
  const end = offset + 4;
  if (end > packet.length) return undefined;
  // Lengths of labels are below "A", so that lower case can be taken of the whole name at once.
  const name = packet
    .toString('latin1', HEADER_BYTES, offset)
    .replace(/[A-Z]+/g, (part) => part.toLowerCase());
  return {
    bytes: packet.subarray(HEADER_BYTES, end),
    key: name + packet.toString('latin1', offset, end),
    class: packet.readUInt16BE(offset + 2),
  };
}
