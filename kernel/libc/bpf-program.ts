import { addressOf } from './memory.ts';

/** struct sock_filter (include/uapi/linux/filter.h): u16 code, u8 jump if true, u8 jump if false, u32 operand. */
export type BpfInstruction = readonly [code: number, ifTrue: number, ifFalse: number, operand: number];

/** Codes of include/uapi/linux/bpf_common.h and filter.h, put together. Jumps count from the next instruction. */
export const BPF = {
  loadWord: 0x20,
  loadHalf: 0x28,
  loadByte: 0x30,
  /** The half word so far behind the index register. */
  loadHalfIndexed: 0x48,
  /** The index register becomes the length of the IPv4 header there. */
  indexBehindHeader: 0xb1,
  ifEqual: 0x15,
  ifAtLeast: 0x35,
  ifAnyBit: 0x45,
  return: 0x06,
} as const;

/** A program as the kernel reads it: eight bytes an instruction. */
export function encodeProgram(instructions: readonly BpfInstruction[]): Buffer {
  const code = Buffer.alloc(8 * instructions.length);
  for (const [index, [operation, ifTrue, ifFalse, operand]] of instructions.entries()) {
    code.writeUInt16LE(operation, 8 * index);
    code.writeUInt8(ifTrue, 8 * index + 2);
    code.writeUInt8(ifFalse, 8 * index + 3);
    code.writeUInt32LE(operand, 8 * index + 4);
  }
  return code;
}

/** Hands a program to a call of the kernel: `act` gets its struct sock_fprog (u16 count, 6 bytes unused, pointer). */
export function withProgram<T>(
  instructions: readonly BpfInstruction[],
  act: (description: Uint8Array) => T,
): T {
  const code = encodeProgram(instructions);
  const description = Buffer.alloc(16);
  description.writeUInt16LE(instructions.length);
  description.writeBigUInt64LE(addressOf(code), 8);
  const result = act(description);
  // The kernel has a copy. Used here, so that the program was not collected while it was read.
  code.fill(0);
  return result;
}
