import type { Header } from './answer.ts';

/**
 * Notices that the cluster is not the one it was: restored from a snapshot, or another one at the same addresses.
 * Fed with headers of answers that are linearizable; in one cluster their revisions and terms never fall.
 */
export class History {
  #head: Header | undefined;
  #epoch = 0;

  /** Rises when the past has changed: what was read in another epoch must be read again. */
  get epoch(): number {
    return this.#epoch;
  }

  /** What an answer to a request sent now has to follow. */
  get head(): Header | undefined {
    return this.#head;
  }

  /** @param before `head` when the request was sent: answers overtake each other. */
  observe(header: Header, before: Header | undefined): void {
    const head = this.#head;
    const fits = before === undefined || follows(header, before);
    // An answer that came first may have shown the other past already.
    const noticed = !fits && head !== undefined && head !== before && follows(header, head);
    if (!fits && !noticed) {
      this.#epoch++;
      this.#head = header;
    } else if (head === undefined || follows(header, head)) {
      this.#head = header;
    }
  }

  /** The past was found to be another one by other means than a header. */
  changed(): void {
    this.#epoch++;
    this.#head = undefined;
  }
}

function follows(later: Header, earlier: Header): boolean {
  return (
    later.clusterId === earlier.clusterId && later.revision >= earlier.revision && later.term >= earlier.term
  );
}
