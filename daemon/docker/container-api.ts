import {
  type ApiContainerFacts,
  type ContainerFacts,
  containerFacts,
  signalNumber,
} from './container-facts.ts';
import { UnixHttp } from './unix-http.ts';

/** An inspection waits for as long as the engine starts the container, so it must not keep others. */
const CONNECTIONS = 8;

/** What weft asks of the Docker Engine API about containers. Never call it from inside a plugin call. */
export interface ContainerApi extends Disposable {
  /**
   * Opens the stream of events that can change a container's names, networks or state.
   * @param since milliseconds since the epoch: recent events after that come first.
   * @throws {Unavailable} when it cannot be opened, and from the events when it breaks.
   */
  events(since: number, signal: AbortSignal): Promise<AsyncIterable<ContainerEvent>>;
  /** Ids of the containers that run. @throws {Unavailable} */
  running(): Promise<readonly string[]>;
  /** @returns undefined when there is no such container. @throws {Unavailable} */
  inspect(id: string): Promise<ContainerFacts | undefined>;
}

/** Something has happened to a container. */
export interface ContainerEvent {
  readonly container: string;
  /** `start`, `die`, `kill`, `rename`, `destroy`, `health_status`; `connect` and `disconnect` of a network. */
  readonly action: string;
  /** Of `kill`: the number of the signal. */
  readonly signal?: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

interface ApiEvent {
  readonly Type?: string;
  readonly Action?: string;
  readonly Actor?: { readonly ID?: string; readonly Attributes?: Readonly<Record<string, string>> | null };
  readonly timeNano?: number;
}

/** With `health_status` among them the engine compares beginnings (moby: daemon/events/filter.go). */
const FILTERS = encodeURIComponent(
  JSON.stringify({
    type: ['container', 'network'],
    event: ['start', 'die', 'kill', 'rename', 'destroy', 'health_status', 'connect', 'disconnect'],
  }),
);

/** The engine behind a Unix socket; without a version in the path, so every engine answers in its own. */
export function openContainerApi(socketPath: string): ContainerApi {
  const http = new UnixHttp(socketPath, CONNECTIONS);
  return {
    async events(since, signal) {
      const from = (since / 1000).toFixed(3);
      return decoded(await http.lines(`/events?since=${from}&filters=${FILTERS}`, signal));
    },
    async running() {
      const listed = await http.json<readonly { readonly Id: string }[]>('/containers/json');
      return (listed ?? []).map(({ Id }) => Id);
    },
    async inspect(id) {
      const detail = await http.json<ApiContainerFacts>(`/containers/${encodeURIComponent(id)}/json`);
      return detail && containerFacts(detail);
    },
    [Symbol.dispose]: () => http[Symbol.dispose](),
  };
}

async function* decoded(lines: AsyncIterable<string>): AsyncGenerator<ContainerEvent> {
  for await (const line of lines) {
    const event = containerEvent(line);
    if (event !== undefined) yield event;
  }
}

/** Undefined for what is no event of a container. */
export function containerEvent(line: string): ContainerEvent | undefined {
  let event: ApiEvent;
  try {
    event = JSON.parse(line) as ApiEvent;
  } catch {
    return undefined;
  }
  const { Type, Action, Actor, timeNano } = event;
  const container = Type === 'network' ? Actor?.Attributes?.['container'] : Actor?.ID;
  if (container === undefined || container === '') return undefined;
  const signal = signalNumber(Actor?.Attributes?.['signal'] ?? '');
  return {
    container,
    // `health_status: healthy`
    action: (Action ?? '').split(':')[0] ?? '',
    ...(signal === undefined ? {} : { signal }),
    at: (timeNano ?? 0) / 1e6,
  };
}
