import type { Weftd } from '../../lab/index.ts';

/** For how long a sandbox was there without names and virtual IPs. */
export interface Gap {
  readonly names: boolean;
  readonly vips: boolean;
  /** Milliseconds from when its namespace was noticed. */
  readonly ms: number;
}

/** What weftd has logged of sandboxes that it put in order. */
export function gapsIn({ logs }: Weftd): readonly Gap[] {
  return logs
    .filter((line) => line.includes('"msg":"sandbox in order"'))
    .map((line) => JSON.parse(line) as Gap);
}
