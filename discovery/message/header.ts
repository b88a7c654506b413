/** Bytes of the header (RFC 1035 section 4.1.1). */
export const HEADER_BYTES = 12;

/** Bits of the header's second word (RFC 1035 section 4.1.1, RFC 4035 section 3 for AD and CD). */
export const FLAG = {
  QR: 0x8000,
  OPCODE: 0x7800,
  TC: 0x0200,
  RD: 0x0100,
  RA: 0x0080,
  AD: 0x0020,
  CD: 0x0010,
  RCODE: 0x000f,
} as const;

export interface Header {
  readonly id: number;
  readonly flags: number;
  readonly questions: number;
  readonly answers: number;
  readonly authorities: number;
  readonly additionals: number;
}

/** The header of a packet; undefined when it is too short to have one. */
export function readHeader(packet: Buffer): Header | undefined {
  if (packet.length < HEADER_BYTES) return undefined;
  return {
    id: packet.readUInt16BE(0),
    flags: packet.readUInt16BE(2),
    questions: packet.readUInt16BE(4),
    answers: packet.readUInt16BE(6),
    authorities: packet.readUInt16BE(8),
    additionals: packet.readUInt16BE(10),
  };
}

/** Writes a header at the start of a packet. */
export function writeHeader(packet: Buffer, header: Header): void {
  packet.writeUInt16BE(header.id, 0);
  packet.writeUInt16BE(header.flags, 2);
  packet.writeUInt16BE(header.questions, 4);
  packet.writeUInt16BE(header.answers, 6);
  packet.writeUInt16BE(header.authorities, 8);
  packet.writeUInt16BE(header.additionals, 10);
}
