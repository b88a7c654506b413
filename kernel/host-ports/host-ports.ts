import { Conflict, Exhausted, InvalidArgument, KernelError, Unsupported } from '../../core/errors.ts';
import type { PortBinding, PortReservation, PortReserver } from '../../core/ports.ts';
import { closeFd } from '../libc/index.ts';
import { openBoundSocket } from './bound-socket.ts';
import { findHolder } from './holder.ts';
import { formatBinding, PortTable } from './port-table.ts';

/**
 * Host ports of the process' own network namespace, each held by one bound socket. Costs one descriptor a port.
 * Where the kernel has no SCTP there is nobody to compete with, and only weft's own table is kept.
 */
export class HostPorts implements PortReserver {
  readonly #table = new PortTable();

  /**
   * Takes effect at once and without waiting.
   * @throws {Conflict} when a socket of weft or of anybody else holds the port; `holder` finds out whose.
   * @throws {InvalidArgument} when the port is not 1–65535 or the address is not one of this host's.
   * @throws {Exhausted} when the process may open no more descriptors.
   * @throws {Unsupported} when the kernel lacks the address family.
   * @throws {KernelError} for anything else, such as `EACCES` without CAP_NET_BIND_SERVICE.
   */
  reserve(binding: PortBinding): PortReservation {
    if (!Number.isInteger(binding.port) || binding.port < 1 || binding.port > 65535) {
      throw new InvalidArgument(`host port ${binding.port} is not 1–65535`, { field: 'HostPort' });
    }
    const other = this.#table.conflict(binding);
    if (other !== undefined) {
      throw new Conflict(`reserve ${formatBinding(binding)}: weft holds ${formatBinding(other)}`);
    }
    const fd = openOrExplain(binding);
    this.#table.add(binding);
    let held = true;
    const release = () => {
      if (!held) return;
      held = false;
      this.#table.delete(binding);
      if (fd !== undefined) closeFd(fd);
    };
    return { binding, release };
  }

  /**
   * Who holds a port: `nginx (pid 123)`. Undefined when nobody does, when it is an SCTP socket, or before Linux 6.8
   * when it is a TCP socket that does not listen.
   */
  async holder(binding: PortBinding): Promise<string | undefined> {
    if (this.#table.conflict(binding) !== undefined) return `weftd (pid ${process.pid})`;
    return findHolder(binding);
  }
}

function openOrExplain(binding: PortBinding): number | undefined {
  try {
    return openBoundSocket(binding);
  } catch (cause) {
    if (!(cause instanceof KernelError)) throw cause;
    if (cause.errno === 'EPROTONOSUPPORT' && binding.protocol === 'sctp') return undefined;
    throw explained(binding, cause);
  }
}

function explained(binding: PortBinding, cause: KernelError): Error {
  const what = `reserve ${formatBinding(binding)}`;
  const context = { ip: binding.ip, port: binding.port, protocol: binding.protocol };
  switch (cause.errno) {
    case 'EADDRINUSE':
      return new Conflict(`${what}: the port is in use on this host`, context, { cause });
    case 'EADDRNOTAVAIL':
      return new InvalidArgument(`${what}: ${binding.ip} is not an address of this host`, context, { cause });
    case 'EINVAL':
      return new InvalidArgument(`${what}: ${binding.ip} cannot be bound without naming a link`, context, {
        cause,
      });
    case 'EMFILE':
    case 'ENFILE':
      return new Exhausted(`${what}: no more file descriptors`, context, { cause });
    case 'EAFNOSUPPORT':
      return new Unsupported(`${what}: this kernel runs without that address family`, context, { cause });
    default:
      return new KernelError(`${what}: ${cause.errno}`, { errno: cause.errno, step: what }, { cause });
  }
}
