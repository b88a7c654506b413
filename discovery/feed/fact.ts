import type { EndpointId, SandboxKey } from '../../core/ids.ts';
import type { EndpointNames, ServiceNames } from '../../core/naming.ts';
import type { UpstreamServer } from '../upstream/index.ts';

/** A sandbox of this host that is to be served. */
export interface SandboxToServe {
  readonly key: SandboxKey;
  /** Networks it is on (EndpointNames.network), the first looked at first. */
  readonly networks: readonly string[];
  /** Resolvers for all other names, in order of trust. */
  readonly servers: readonly UpstreamServer[];
}

/** One thing that the resolver process has to know. */
export type Fact =
  | { readonly kind: 'endpoint'; readonly endpoint: EndpointNames }
  | { readonly kind: 'service'; readonly service: ServiceNames }
  | { readonly kind: 'ttl'; readonly network: string; readonly seconds: number }
  | { readonly kind: 'sandbox'; readonly sandbox: SandboxToServe };

declare const brand: unique symbol;
/** What a fact is about: a newer fact with the same key takes its place. */
export type FactKey = string & { readonly [brand]: 'FactKey' };

export type FactChange =
  | { readonly op: 'put'; readonly fact: Fact }
  | { readonly op: 'drop'; readonly key: FactKey };

/** The key of what is, or was, known of something. */
export const keyOf = {
  endpoint: (endpoint: EndpointId): FactKey => `endpoint ${endpoint}` as FactKey,
  service: (network: string, name: string): FactKey =>
    `service ${JSON.stringify([network, name])}` as FactKey,
  ttl: (network: string): FactKey => `ttl ${network}` as FactKey,
  sandbox: (key: SandboxKey): FactKey => `sandbox ${key}` as FactKey,
} as const;

export function factKey(fact: Fact): FactKey {
  switch (fact.kind) {
    case 'endpoint':
      return keyOf.endpoint(fact.endpoint.endpoint);
    case 'service':
      return keyOf.service(fact.service.network, fact.service.name);
    case 'ttl':
      return keyOf.ttl(fact.network);
    case 'sandbox':
      return keyOf.sandbox(fact.sandbox.key);
  }
}
