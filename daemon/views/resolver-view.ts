import type { Status } from '../../core/control.ts';
import type { ResolverSource } from './names-ports.ts';

/** The resolver; undefined: there is to be none. */
export function resolverView(resolver: ResolverSource | undefined): Status['resolver'] {
  if (resolver === undefined) return { state: 'off', sandboxes: 0, restarts: 0 };
  const { process, restarts = 0, lastError } = resolver.status;
  return {
    state: process === undefined ? 'restarting' : 'on',
    sandboxes: process?.serving ?? 0,
    restarts,
    ...(lastError === undefined ? {} : { lastError }),
  };
}
