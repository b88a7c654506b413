import type { Test } from 'tap';
import { Pinger, StreamProbe } from '../../lab/index.ts';
import { type Placed, pairs } from './overlay-scene.ts';

/** How long an echo may take when other processes of the machine have it, and count as in time. */
const STALL_MS = 1000;

interface Flow {
  readonly name: string;
  readonly pinger: Pinger;
  readonly stream: StreamProbe;
}

/** Echo requests every 20 ms and a TCP stream from each container to each other, the families in turn. */
export class SteadyTraffic {
  readonly flows: readonly Flow[];

  private constructor(flows: readonly Flow[]) {
    this.flows = flows;
  }

  /** Starts once every path carries. */
  static async start(places: readonly Placed[]): Promise<SteadyTraffic> {
    const flows = pairs(places).map(async ([from, to], index): Promise<Flow> => {
      const address = index % 2 === 0 ? to.ip : to.ip6;
      const pinger = await Pinger.start(from.container, address);
      const stream = await StreamProbe.start(from.container, to.container, address);
      return { name: `${from.node.name} to ${to.node.name} at ${address}`, pinger, stream };
    });
    return new SteadyTraffic(await Promise.all(flows));
  }

  /** Waits until every flow has had an answer to something sent from now on; milliseconds the slowest took. */
  async carries(timeoutMs: number): Promise<number> {
    return Math.max(...(await Promise.all(this.flows.map(({ pinger }) => pinger.nextReply(timeoutMs)))));
  }

  /** Ends it, and asserts that no echo was lost and no stream broke. */
  async isUnharmed(t: Test, during: string): Promise<void> {
    for (const { name, pinger, stream } of this.flows) {
      const { sent, lost, longestGapMs } = await pinger.stop();
      t.equal(lost, 0, `${during}: of ${sent} echoes none was lost, ${name}`);
      t.ok(longestGapMs < STALL_MS, `${during}: the longest silence was ${longestGapMs} ms, ${name}`);
      t.equal((await stream.stop()).failure, '', `${during}: the TCP stream went on, ${name}`);
    }
  }

  /** Ends it, and asserts only that no stream broke: echoes were lost, and that was to be expected. */
  async survives(t: Test, after: string): Promise<void> {
    for (const { name, pinger, stream } of this.flows) {
      const { lost, longestGapMs } = await pinger.stop();
      t.equal((await stream.stop()).failure, '', `${after}: the TCP stream goes on, ${name}`);
      t.comment(`${after}: ${lost} echoes lost, ${longestGapMs} ms without an answer, ${name}`);
    }
  }
}
