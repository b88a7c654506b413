/** What probes have said of a backend so far. */
export interface ProbeState {
  readonly state: 'starting' | 'ready' | 'failing';
  /** In a row. */
  readonly failures: number;
}

const MOST_FAILURES = 3;
const USUAL_PAUSE_MS = 1000;
/** Between probes of a backend that has just started, or has just failed to answer. */
const SHORT_PAUSE_MS = 100;
/** Failures after which one that has not answered yet is not asked so often any more. */
const IMPATIENT = 300;

export const NOT_PROBED: ProbeState = { state: 'starting', failures: 0 };

export function afterProbe({ state, failures }: ProbeState, answered: boolean): ProbeState {
  if (answered) return { state: 'ready', failures: 0 };
  const more = failures + 1;
  return { state: state === 'ready' && more >= MOST_FAILURES ? 'failing' : state, failures: more };
}

/** Milliseconds until the next probe. */
export function pauseAfter({ state, failures }: ProbeState): number {
  switch (state) {
    case 'starting':
      return failures < IMPATIENT ? SHORT_PAUSE_MS : USUAL_PAUSE_MS;
    case 'ready':
      return failures === 0 ? USUAL_PAUSE_MS : SHORT_PAUSE_MS;
    case 'failing':
      return USUAL_PAUSE_MS;
  }
}
