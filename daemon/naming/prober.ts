import type { EndpointId } from '../../core/ids.ts';
import { answersProbe, type ProbeTarget } from './probe.ts';
import { afterProbe, NOT_PROBED, type ProbeState, pauseAfter } from './probe-state.ts';

interface Probed {
  readonly target: ProbeTarget;
  /** Of `target`, so that it is the same text for the same target. */
  readonly key: string;
  state: ProbeState;
  timer: NodeJS.Timeout | undefined;
}

/** Asks the endpoints of this host that declare a probe, for as long as they are watched. */
export class Prober implements Disposable {
  readonly #changed: (endpoint: EndpointId) => void;
  readonly #answers: (target: ProbeTarget) => Promise<boolean>;
  readonly #probed = new Map<EndpointId, Probed>();

  /** @param changed called after an endpoint's state has changed. */
  constructor(
    changed: (endpoint: EndpointId) => void,
    answers: (target: ProbeTarget) => Promise<boolean> = answersProbe,
  ) {
    this.#changed = changed;
    this.#answers = answers;
  }

  /**
   * Probes an endpoint from now on; the first time at once. Another target begins anew; undefined ends it.
   * @returns what is known of it.
   */
  watch(endpoint: EndpointId, target: ProbeTarget | undefined): ProbeState['state'] | undefined {
    const known = this.#probed.get(endpoint);
    const key = JSON.stringify(target);
    if (known !== undefined && known.key === key) return known.state.state;
    clearTimeout(known?.timer);
    this.#probed.delete(endpoint);
    if (target === undefined) return undefined;
    const probed: Probed = { target, key, state: NOT_PROBED, timer: undefined };
    this.#probed.set(endpoint, probed);
    this.#after(endpoint, probed, 0);
    return probed.state.state;
  }

  [Symbol.dispose](): void {
    for (const { timer } of this.#probed.values()) clearTimeout(timer);
    this.#probed.clear();
  }

  #after(endpoint: EndpointId, probed: Probed, ms: number): void {
    probed.timer = setTimeout(() => void this.#probe(endpoint, probed), ms).unref();
  }

  async #probe(endpoint: EndpointId, probed: Probed): Promise<void> {
    const answered = await this.#answers(probed.target);
    if (this.#probed.get(endpoint) !== probed) return;
    const before = probed.state;
    probed.state = afterProbe(before, answered);
    this.#after(endpoint, probed, pauseAfter(probed.state));
    if (probed.state.state !== before.state) this.#changed(endpoint);
  }
}
