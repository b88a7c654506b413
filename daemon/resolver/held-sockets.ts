import { errorMessage, KernelError } from '../../core/errors.ts';
import type { SandboxKey } from '../../core/ids.ts';
import type { HandedSocket, Serving } from '../../discovery/index.ts';
import { closeFd, copyDescriptors } from '../../kernel/libc/index.ts';
import type { ResolverLog } from './log.ts';

/**
 * The resolver's sockets, held here as well: while no process is there queries wait in them rather than being refused,
 * and the next process is born with them. Two descriptors for each sandbox.
 */
export class HeldSockets implements Disposable {
  readonly #log: ResolverLog;
  readonly #held = new Map<SandboxKey, HandedSocket>();
  #refused = false;

  constructor(log: ResolverLog) {
    this.#log = log;
  }

  /** What is held now. Undefined, never an error: what cannot be held is opened anew, on the same ports, by the next process. */
  hold(pid: number, { key, namespace, udp, tcp }: Serving): HandedSocket | undefined {
    try {
      const [ourUdp = -1, ourTcp = -1] = copyDescriptors(pid, [udp.fd, tcp.fd]);
      this.drop(key);
      const held = { key, namespace, udp: ourUdp, tcp: ourTcp };
      this.#held.set(key, held);
      return held;
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      if (!this.#refused && error.errno !== 'ESRCH' && error.errno !== 'EBADF') {
        this.#refused = true;
        const context = { error: errorMessage(error) };
        this.#log.info(
          context,
          'sockets of the resolver cannot be held: if it crashes, queries meanwhile are refused',
        );
      }
      return undefined;
    }
  }

  drop(key: SandboxKey): void {
    const held = this.#held.get(key);
    this.#held.delete(key);
    if (held === undefined) return;
    closeFd(held.udp);
    closeFd(held.tcp);
  }

  /** By their descriptors here. */
  all(): readonly HandedSocket[] {
    return [...this.#held.values()];
  }

  [Symbol.dispose](): void {
    for (const key of [...this.#held.keys()]) this.drop(key);
  }
}
