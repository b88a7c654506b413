import { join } from 'node:path';
import type { Test } from 'tap';
import { CHECKOUT, type Container, NODE } from '../../lab/index.ts';
import type { RequestTotals } from '../../support/http-requests.ts';

const REQUESTS = 10_000;
const WITHIN = 0.05;
const PROGRAM = join(CHECKOUT, 'test/support/http-requests.ts');

/** Sends so many requests to a page from a container's network, and says what became of them. */
export async function request(from: Container, count: number, ip: string, port = 80): Promise<RequestTotals> {
  const argv = [NODE, PROGRAM, 'count', String(count), ip, String(port)];
  return JSON.parse(await from.netExec(argv, { timeoutMs: 120_000 })) as RequestTotals;
}

export interface Spread {
  /** Each sends its share of the requests. */
  readonly clients: readonly Container[];
  readonly vip: string;
  /** Absent: the network has no IPv6. */
  readonly vip6?: string;
  /** By what the backend's page says. */
  readonly weights: Readonly<Record<string, number>>;
}

/** Asserts that 10,000 requests through a virtual IP go to its backends by weight, over each family. */
export async function sharesByWeight(t: Test, { clients, vip, vip6, weights }: Spread): Promise<void> {
  const vips = vip6 === undefined ? [vip] : [vip, vip6];
  const each = Math.ceil(REQUESTS / vips.length / clients.length);
  const pages: Record<string, number> = {};
  let asked = 0;
  for (const ip of vips) {
    for (const client of clients) {
      const totals = await request(client, each, ip);
      t.equal(
        totals.failed,
        0,
        `none of ${totals.asked} requests of ${client.name} to ${ip} failed ${totals.reasons}`,
      );
      asked += totals.asked;
      for (const [page, count] of Object.entries(totals.pages)) pages[page] = (pages[page] ?? 0) + count;
    }
  }
  const whole = Object.values(weights).reduce((sum, weight) => sum + weight, 0);
  for (const [page, weight] of Object.entries(weights)) {
    const expected = (asked * weight) / whole;
    const got = pages[page] ?? 0;
    const off = Math.abs(got - expected) / expected;
    t.ok(off <= WITHIN, `${page} got ${got} of ${asked} requests, ${(100 * off).toFixed(2)} % off its share`);
  }
}
