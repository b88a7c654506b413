import { randomBytes } from 'node:crypto';
import { errorMessage } from '../../core/errors.ts';
import type { IfName, Mac } from '../../core/ids.ts';
import {
  type Client,
  type ClientAction,
  type ClientEvent,
  type DhcpMessage,
  NEVER,
  type Sending,
  type Stepped,
  step,
} from '../../ipam/dhcp/index.ts';
import type { ClusterClock } from '../../ipam/index.ts';
import type { DhcpLog } from './channel.ts';

/** No timer is set for longer: Node's end at 2^31 ms, and a machine may sleep. */
const LONGEST_SLEEP_MS = 600_000;

/** What the client of a device works with. */
export interface ClientParts {
  readonly device: IfName;
  readonly clock: ClusterClock;
  readonly log: DhcpLog;
  /** @throws {KernelError} */
  readonly send: (device: IfName, sending: Sending) => void;
}

/** What `step` may ask of the world besides sending. */
export type LeaseNews = Exclude<ClientAction, { readonly kind: 'send' }>;

/** What chance decides in one step. */
export function chance(): { readonly xid: number; readonly jitter: number } {
  return { xid: randomBytes(4).readUInt32BE(), jitter: Math.random() * 2 - 1 };
}

/** A client of the state machine with its timer. */
export class RunningClient implements Disposable {
  readonly device: IfName;
  readonly #parts: ClientParts;
  #client: Client;
  /** Why the last message could not be sent; undefined when it was. */
  sendError: string | undefined;
  #timer: Disposable | undefined;
  /** Called after every step that changed something, with its news. */
  onNews: (news: LeaseNews) => void = () => undefined;
  onStep: () => void = () => undefined;

  constructor(parts: ClientParts, { client, actions }: Stepped) {
    this.#parts = parts;
    this.device = parts.device;
    this.#client = client;
    // News from the start, such as a lease that ended while weftd was away, come when somebody can hear them.
    this.#timer = parts.clock.after(0, () => this.#take({ client, actions }));
  }

  get client(): Client {
    return this.#client;
  }

  get mac(): Mac {
    return this.#client.identity.mac;
  }

  /** Whether an answer to something that was sent may come. */
  get awaits(): boolean {
    return 'xid' in this.#client.state;
  }

  heard(message: DhcpMessage, from: Mac): void {
    this.do({ kind: 'message', message, from });
  }

  do(event: ClientEvent): void {
    this.#take(step(this.#client, event, this.#parts.clock.now(), chance()));
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
  }

  #take({ client, actions }: Stepped): void {
    this.#client = client;
    this.#sleep();
    for (const action of actions) {
      if (action.kind === 'send') this.#send(action);
      else this.onNews(action);
    }
    this.onStep();
  }

  #sleep(): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    const { wakeAt } = this.#client;
    if (wakeAt === NEVER) return;
    const ms = Math.min(LONGEST_SLEEP_MS, Math.max(0, wakeAt - this.#parts.clock.now()));
    this.#timer = this.#parts.clock.after(ms, () => this.do({ kind: 'wake' }));
  }

  /** What cannot be sent counts as lost on the way: it is repeated. */
  #send(sending: Sending): void {
    const { device, log } = this.#parts;
    const { type } = sending.message.options;
    try {
      this.#parts.send(device, sending);
      this.sendError = undefined;
      log.debug({ device, mac: this.mac, type }, 'DHCP message sent');
    } catch (error) {
      this.sendError = errorMessage(error);
      log.warn({ device, mac: this.mac, type, err: this.sendError }, 'DHCP message not sent');
    }
  }
}
