import type { Weftd } from '../../lab/index.ts';

/** For how many milliseconds a sandbox was there without virtual IPs, and without names; absent: it never had them. */
export interface Gap {
  readonly vips?: number;
  readonly names?: number;
}

/** What weftd has logged of sandboxes that it put in order. */
export function gapsIn({ logs }: Weftd): readonly Gap[] {
  return logs
    .filter((line) => line.includes('"msg":"sandbox in order"'))
    .map((line) => JSON.parse(line) as Gap);
}
