import { type BpfInstruction, withProgram } from './bpf-program.ts';
import { setSocketOption } from './socket.ts';

const SOL_SOCKET = 1;
const SO_ATTACH_FILTER = 26;

/**
 * From now on a socket receives only what the program lets through (socket(7): SO_ATTACH_FILTER): it returns how many
 * bytes of a packet are kept, 0 for none of it.
 * @throws {KernelError} `EINVAL` when the kernel does not accept the program.
 */
export function attachFilter(fd: number, instructions: readonly BpfInstruction[]): void {
  withProgram(instructions, (program) => setSocketOption(fd, SOL_SOCKET, SO_ATTACH_FILTER, program));
}
