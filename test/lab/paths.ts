import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/** The engines a host can run: Debian 12's, Debian 13's and Debian testing's docker.io. */
export const ENGINES = ['20.10', '26.1', '28.5'] as const;

/** Series of a Docker Engine, as in {@link ENGINES}. */
export type EngineSeries = (typeof ENGINES)[number];

/** The checkout this file belongs to, absolute. */
export const CHECKOUT = resolve(import.meta.dirname, '../..');

/** The checkout's own Node 24, absolute; usable inside a host (`Host.exec`). */
export const NODE = join(CHECKOUT, '.tools/node/bin/node');

/** Where engines and images are kept between runs: `$WEFT_CACHE`, else `weft` in the user's cache folder. */
export function cacheFolder(): string {
  const { WEFT_CACHE, XDG_CACHE_HOME } = process.env;
  return WEFT_CACHE || join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'weft');
}

/** The root folder of an engine, made by `scripts/setup --engines`. */
export function engineFolder(engine: EngineSeries): string {
  return join(cacheFolder(), 'engines', engine, 'root');
}
