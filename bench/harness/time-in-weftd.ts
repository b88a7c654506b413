import { Client } from 'undici';
import type { Host } from '../../test/lab/index.ts';

/** @returns milliseconds for which calls of Docker have waited for weftd's answers since it started, all together. */
export async function timeInWeftd(host: Host): Promise<number> {
  const client = new Client('http://weftd', { socketPath: host.path('/run/weft/control.sock') });
  try {
    const { body } = await client.request({ method: 'GET', path: '/metrics' });
    const sums = (await body.text()).matchAll(/^weft_plugin_call_seconds_sum\S* (\S+)$/gm);
    return [...sums].reduce((sum, [, seconds]) => sum + Number(seconds), 0) * 1000;
  } finally {
    await client.close();
  }
}
