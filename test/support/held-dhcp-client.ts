import type { Cidr, Ip } from '../../core/address.ts';
import type { Mac } from '../../core/ids.ts';
import { step } from '../../ipam/dhcp/client.ts';
import { type Client, type ClientAction, type ClientEvent, newClient } from '../../ipam/dhcp/client-state.ts';
import type { DhcpMessage } from '../../ipam/dhcp/message.ts';
import type { DhcpOptions } from '../../ipam/dhcp/options.ts';
import type { Identity } from '../../ipam/dhcp/outgoing.ts';

export const ip = (text: string) => text as Ip;
export const MAC = '02:42:00:00:00:77' as Mac;
export const SERVER_MAC = '02:00:00:00:00:01' as Mac;
export const SERVER = ip('192.0.2.1');
export const GIVEN = ip('192.0.2.77');
export const SUBNET = '192.0.2.0/24' as Cidr;
export const IDENTITY: Identity = { mac: MAC, clientId: Uint8Array.of(0, 1, 2), hostname: 'web' };
export const START = 1_000_000;

/** A client in the hands of a test: time passes when told, and what is sent and said is kept. */
export class HeldDhcpClient {
  client: Client;
  now = START;
  sent: (ClientAction & { readonly kind: 'send' })[] = [];
  said: string[] = [];
  #xid = 100;

  constructor(wanted?: Ip) {
    const terms = { subnet: SUBNET, ...(wanted === undefined ? {} : { wanted }) };
    this.client = newClient(IDENTITY, terms, START);
    this.wake();
  }

  do(event: ClientEvent): this {
    return this.take(step(this.client, event, this.now, { xid: this.#xid++, jitter: 0 }));
  }

  take({ client, actions }: ReturnType<typeof step>): this {
    this.client = client;
    for (const action of actions) {
      if (action.kind === 'send') this.sent.push(action);
      else if (action.kind === 'bound') this.said.push(`${action.how} ${action.lease.ip}`);
      else this.said.push(`lost ${action.lease.ip}: ${action.reason}`);
    }
    return this;
  }

  /** Lets time pass until it wants to be woken. */
  wake(): this {
    this.now = Math.max(this.now, this.client.wakeAt);
    return this.do({ kind: 'wake' });
  }

  hears(options: Partial<DhcpOptions>, more: Partial<DhcpMessage> = {}): this {
    const xid = 'xid' in this.client.state ? this.client.state.xid : 0;
    return this.do({ kind: 'message', from: SERVER_MAC, message: reply({ xid, ...more }, options) });
  }

  offered(): this {
    return this.hears({ type: 'offer' });
  }

  bound(): this {
    return this.offered().hears({ type: 'ack' });
  }

  get state(): string {
    return this.client.state.name;
  }

  get last(): (ClientAction & { readonly kind: 'send' }) | undefined {
    return this.sent.at(-1);
  }

  /** Seconds from the start. */
  get at(): number {
    return (this.now - START) / 1000;
  }
}

function reply(more: Partial<DhcpMessage>, options: Partial<DhcpOptions>): DhcpMessage {
  return {
    op: 'reply',
    xid: 0,
    secs: 0,
    broadcast: true,
    ciaddr: ip('0.0.0.0'),
    yiaddr: GIVEN,
    giaddr: ip('0.0.0.0'),
    chaddr: MAC,
    ...more,
    options: {
      type: 'ack',
      server: SERVER,
      leaseTime: 3600,
      prefix: 24,
      router: ip('192.0.2.254'),
      ...options,
    },
  };
}
