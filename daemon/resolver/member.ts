import type { SandboxKey } from '../../core/ids.ts';
import type { Serving } from '../../discovery/index.ts';
import type { FeedSession } from './feed-session.ts';
import type { ProcessConnection } from './process-server.ts';

/** A resolver process that is connected. */
export interface Member {
  readonly connection: ProcessConnection;
  readonly pid: number;
  readonly build: string;
  readonly session: FeedSession;
  readonly serving: Map<SandboxKey, Serving>;
  /** It serves nothing while another process does. */
  isStandby: boolean;
  /** It has all that this weftd has told, and answers with it. */
  isInStep: boolean;
  /** Looks in a row at which nothing had been heard of it. */
  silence: number;
}

/** Whether every sandbox that both serve is served on the same ports. */
export function isSamePorts(one: Member, other: Member): boolean {
  return [...one.serving.values()].every(({ key, udp, tcp }) => {
    const there = other.serving.get(key);
    return there === undefined || (there.udp.port === udp.port && there.tcp.port === tcp.port);
  });
}

/**
 * Whether one that stood by and now serves shows that the other has ended. Of another program it does not: that one's
 * successor may come to its turn beside ours.
 */
export function isSuccessor(member: Member, before: Member): boolean {
  return member !== before && member.isStandby && !before.isStandby && member.build === before.build;
}
