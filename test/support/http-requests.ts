import { connect } from 'node:net';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

/*
 * HTTP requests, each over a connection of its own, run in a namespace. Prints RequestTotals as JSON at the end.
 *   node http-requests.ts count N HOST PORT       as many, some at a time
 *   node http-requests.ts rate PER-SECOND HOST PORT    until SIGTERM
 */
export interface RequestTotals {
  readonly asked: number;
  readonly failed: number;
  /** Answers by what the page says. */
  readonly pages: Readonly<Record<string, number>>;
  /** Reasons of the first few failures, each after when the request was sent, in seconds from the beginning. */
  readonly reasons: readonly string[];
  /** Milliseconds that the slowest answer took. */
  readonly longest: number;
}

const AT_A_TIME = 16;
const TIMEOUT_MS = 5000;
const MOST_REASONS = 10;
const STEP_MS = 2;

/** @throws {Error} when there is no whole answer with status 200 in time. */
function get(host: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect({ host, port, noDelay: true });
    socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error('timeout')));
    socket.setEncoding('latin1');
    socket.once('connect', () => socket.write(`GET / HTTP/1.0\r\nHost: ${host}\r\n\r\n`));
    socket.on('data', (chunk: string) => {
      text += chunk;
    });
    socket.once('error', reject);
    socket.once('close', () => {
      const [head = '', page = ''] = text.split('\r\n\r\n');
      if (/^HTTP\/1\.[01] 200 /.test(head) && page !== '') resolve(page.trim());
      else reject(new Error(text === '' ? 'closed' : text.slice(0, 60)));
    });
  });
}

async function main(mode: string, number: number, host: string, port: number): Promise<RequestTotals> {
  const pages: Record<string, number> = {};
  const reasons: string[] = [];
  let [asked, failed, longest] = [0, 0, 0];
  const began = performance.now();
  const ask = async (): Promise<void> => {
    asked += 1;
    const at = performance.now();
    try {
      const page = await get(host, port);
      pages[page] = (pages[page] ?? 0) + 1;
      longest = Math.max(longest, performance.now() - at);
    } catch (error) {
      failed += 1;
      if (reasons.length < MOST_REASONS) reasons.push(`${((at - began) / 1000).toFixed(3)} s: ${error}`);
    }
  };
  if (mode === 'count') {
    const worker = async (): Promise<void> => {
      while (asked < number) await ask();
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, worker));
  } else {
    let ended = false;
    process.once('SIGTERM', () => {
      ended = true;
    });
    const open = new Set<Promise<void>>();
    while (!ended) {
      while (asked < ((performance.now() - began) * number) / 1000) {
        const one = ask().finally(() => open.delete(one));
        open.add(one);
      }
      await sleep(STEP_MS);
    }
    await Promise.all(open);
  }
  return { asked, failed, pages, reasons, longest };
}

if (import.meta.main) {
  const [mode = 'count', number = '1', host = '', port = '80'] = process.argv.slice(2);
  process.stdout.write(JSON.stringify(await main(mode, Number(number), host, Number(port))));
}
