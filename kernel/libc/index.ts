/**
 * The few C library functions that Node does not offer, each with errno turned into a KernelError. The only folder
 * that imports koffi; what the bytes handed over mean is the caller's affair. Part of the kernel layer.
 */
export { BPF, type BpfInstruction, encodeProgram } from './bpf-program.ts';
export { errnoName } from './call.ts';
export { CAPABILITY, gainNoPrivileges, startingWith } from './capabilities.ts';
export { DatagramBatch } from './datagram-batch.ts';
export {
  type PassedDescriptors,
  receiveDescriptors,
  sendDescriptors,
  socketPair,
} from './descriptor-passing.ts';
export { tryLockFile } from './file-lock.ts';
export { copyDescriptors } from './foreign-descriptor.ts';
export { addressOf } from './memory.ts';
export { inNamespace } from './namespace.ts';
export { releaseProgramText } from './program-text.ts';
export {
  bindSocket,
  closeFd,
  duplicateFd,
  getSocketOption,
  linkIndex,
  openSocket,
  readableNow,
  receiveNow,
  sendTo,
  setSocketOption,
  socketAddress,
} from './socket.ts';
export { attachFilter } from './socket-filter.ts';
export { refuseSystemCalls } from './system-call-filter.ts';
