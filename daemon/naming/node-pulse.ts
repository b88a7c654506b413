import type { Ip } from '../../core/address.ts';
import type { SharedView } from '../../core/ports.ts';
import { answers, clusterKeys, readClusterRecord } from '../cluster/index.ts';

const EVERY_MS = 150;
const TIMEOUT_MS = 300;
/** Questions in a row without an answer after which a host is silent: at most 0.75 s after its end. */
const SILENT_AFTER = 3;

export interface NodePulseParts {
  readonly shared: SharedView;
  /** Names of the hosts to ask. */
  readonly nodes: () => Iterable<string>;
  /** Called when a host falls silent, and when it answers again. */
  readonly changed: (node: string, isSilent: boolean) => void;
  readonly probe?: (address: Ip, port: number) => Promise<boolean>;
}

/**
 * Asks other hosts several times a second whether they are there: those with backends that somebody wants probed. Such
 * a backend is probed by its own host, whose end nobody would hear of before its lease ends. Any answer will do, a
 * refusal as well.
 */
export class NodePulse implements Disposable {
  readonly #parts: NodePulseParts;
  readonly #unanswered = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: NodePulseParts) {
    this.#parts = parts;
  }

  /** The hosts to ask may be others now. */
  look(): void {
    const nodes = new Set(this.#parts.nodes());
    for (const node of this.#unanswered.keys()) if (!nodes.has(node)) this.#heard(node);
    for (const node of this.#unanswered.keys()) if (!nodes.has(node)) this.#unanswered.delete(node);
    if (nodes.size > 0) this.#timer ??= setInterval(() => this.#ask(), EVERY_MS).unref();
    else this.#stop();
  }

  [Symbol.dispose](): void {
    this.#stop();
  }

  #stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #ask(): void {
    const { nodes, shared, probe = (ip, port) => answers(ip, port, TIMEOUT_MS) } = this.#parts;
    for (const node of nodes()) {
      const member = readClusterRecord('member', shared.get(clusterKeys.member(node)));
      if (member === undefined) continue;
      void probe(member.address, member.vxlanPort).then((answered) => {
        if (this.#timer === undefined) return;
        if (answered) this.#heard(node);
        else this.#missed(node);
      });
    }
  }

  #heard(node: string): void {
    const missed = this.#unanswered.get(node) ?? 0;
    this.#unanswered.set(node, 0);
    if (missed >= SILENT_AFTER) this.#parts.changed(node, false);
  }

  #missed(node: string): void {
    const missed = (this.#unanswered.get(node) ?? 0) + 1;
    this.#unanswered.set(node, missed);
    if (missed === SILENT_AFTER) this.#parts.changed(node, true);
  }
}
