import { InvalidArgument } from '../core/errors.ts';
import { closeFd, openSocket, sendTo } from './libc/index.ts';

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
/** sizeof(sun_path), include/uapi/linux/un.h. */
const PATH_MAX = 108;

/**
 * Sends one datagram to a Unix socket, which Node's dgram cannot.
 * @param path a file, or an abstract name with a leading `@`.
 * @throws {InvalidArgument} when the path is too long. {KernelError} when nobody listens there.
 */
export function sendUnixDatagram(path: string, bytes: Uint8Array): void {
  const name = Buffer.from(path.startsWith('@') ? `\0${path.slice(1)}` : path);
  if (name.length >= PATH_MAX)
    throw new InvalidArgument(`socket path ${path} is longer than ${PATH_MAX - 1} bytes`);
  const address = Buffer.alloc(2 + name.length);
  address.writeUInt16LE(AF_UNIX, 0);
  name.copy(address, 2);
  const fd = openSocket(AF_UNIX, SOCK_DGRAM, 0);
  try {
    sendTo(fd, bytes, address);
  } finally {
    closeFd(fd);
  }
}
