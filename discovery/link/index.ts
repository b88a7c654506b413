/** What weftd and its resolver process say to each other besides facts, over node-ipc, and where their files are. */
export { CHANNEL_SETTINGS, EVENTS, type ResolverFiles, resolverFiles } from './channel.ts';
export {
  COUNTS_PER_MESSAGE,
  decodeHandedSockets,
  decodeKnownPorts,
  decodeOrder,
  decodeProcessNote,
  decodeReport,
  decodeSocketLabel,
  type HandedSocket,
  type KnownPorts,
  type LogLevel,
  type Order,
  type ProcessNote,
  type Report,
  type SandboxCounts,
  type Serving,
  type SocketLabel,
} from './messages.ts';
