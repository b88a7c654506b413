/** The UDP port of DHCP clients (RFC 2131 section 4.1). */
export const CLIENT_PORT = 68;

/** Classic BPF (include/uapi/linux/bpf_common.h), as tcpdump -dd prints it. */
const LOAD_HALF = 0x28;
const LOAD_BYTE = 0x30;
const LOAD_HEADER_LENGTH = 0xb1;
const LOAD_HALF_AFTER = 0x48;
const JUMP_EQUAL = 0x15;
const JUMP_SET = 0x45;
const RETURN = 0x06;

const ETHER_TYPE_AT = 12;
const FRAGMENT_AT = 20;
const PROTOCOL_AT = 23;
const IPV4_AT = 14;
const UDP_TARGET_PORT = 2;

/**
 * What a packet socket passes on: `udp dst port 68` over IPv4, its first fragment only. Each instruction is a struct
 * sock_filter: u16 code; u8 steps to skip when true, u8 when false; u32 value.
 */
export const DHCP_REPLIES: Uint8Array = program([
  [LOAD_HALF, 0, 0, ETHER_TYPE_AT],
  [JUMP_EQUAL, 0, 8, 0x0800],
  [LOAD_BYTE, 0, 0, PROTOCOL_AT],
  [JUMP_EQUAL, 0, 6, 17],
  [LOAD_HALF, 0, 0, FRAGMENT_AT],
  [JUMP_SET, 4, 0, 0x1fff],
  [LOAD_HEADER_LENGTH, 0, 0, IPV4_AT],
  [LOAD_HALF_AFTER, 0, 0, IPV4_AT + UDP_TARGET_PORT],
  [JUMP_EQUAL, 0, 1, CLIENT_PORT],
  [RETURN, 0, 0, 0x40000],
  [RETURN, 0, 0, 0],
]);

function program(instructions: readonly (readonly [number, number, number, number])[]): Uint8Array {
  const bytes = Buffer.alloc(8 * instructions.length);
  for (const [index, [code, whenTrue, whenFalse, value]] of instructions.entries()) {
    bytes.writeUInt16LE(code, 8 * index);
    bytes.writeUInt8(whenTrue, 8 * index + 2);
    bytes.writeUInt8(whenFalse, 8 * index + 3);
    bytes.writeUInt32LE(value, 8 * index + 4);
  }
  return bytes;
}
