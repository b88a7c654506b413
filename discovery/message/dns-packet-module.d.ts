/** What weft uses of dns-packet 5, which brings no types of its own. */
declare module 'dns-packet' {
  interface RecordCodec {
    /** Writes the length of the data and the data at `offset`. */
    encode(data: unknown, packet: Buffer, offset: number): Buffer;
    /** @param offset where the length of the data is. */
    decode(packet: Buffer, offset: number): unknown;
    encodingLength(data: unknown): number;
  }
  export interface Additional {
    readonly name: string;
    readonly type: string;
    readonly udpPayloadSize?: number;
    readonly ednsVersion?: number;
    readonly flag_do?: boolean;
  }
  export interface Packet {
    readonly questions: readonly { readonly name: string; readonly type: string }[];
    readonly additionals: readonly Additional[];
  }
  interface DnsPacket {
    decode(packet: Buffer): Packet;
    record(type: string): RecordCodec;
    readonly answer: { encode(record: object, packet: Buffer, offset: number): Buffer };
  }
  const dnsPacket: DnsPacket;
  export default dnsPacket;
}
