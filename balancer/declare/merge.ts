import type { EndpointId } from '../../core/ids.ts';
import type { ClientAffinity, ServiceDeclaration, ServicePort } from '../../core/service.ts';
import { SERVICE_KEYS } from './declaration.ts';
import { formatServicePorts } from './ports.ts';

/** A declaration, and who made it when. */
export interface Declared {
  readonly endpoint: EndpointId;
  /** Milliseconds since the epoch. */
  readonly declaredAt: number;
  readonly declaration: ServiceDeclaration;
}

/** An endpoint that says something else of its service than what holds. */
export interface DeclarationDifference {
  readonly endpoint: EndpointId;
  readonly key: string;
  /** What it says, and what holds, as label values. */
  readonly declared: string;
  readonly used: string;
}

/** What several endpoints together say of one service. */
export interface MergedDeclaration {
  readonly ports: readonly ServicePort[];
  readonly affinity?: ClientAffinity;
  readonly differences: readonly DeclarationDifference[];
}

/**
 * Ports and affinity of a service that several endpoints declare: those of the one that declared it first; of equal
 * times the one whose id is first, so that every host decides the same. Weight and health are each endpoint's own.
 * @param declared all of one service.
 * @returns undefined for nobody.
 */
export function mergeDeclarations(declared: readonly Declared[]): MergedDeclaration | undefined {
  const [first, ...others] = declared.toSorted(
    (a, b) => a.declaredAt - b.declaredAt || (a.endpoint < b.endpoint ? -1 : 1),
  );
  if (first === undefined) return undefined;
  const { ports, affinity } = first.declaration;
  const used = describe(first.declaration);
  return {
    ports,
    ...(affinity && { affinity }),
    differences: others.flatMap(({ endpoint, declaration }) =>
      [...describe(declaration)].flatMap(([key, value]) => {
        const holds = used.get(key) ?? '';
        return value === holds ? [] : [{ endpoint, key, declared: value, used: holds }];
      }),
    ),
  };
}

function describe({ ports, affinity }: ServiceDeclaration): ReadonlyMap<string, string> {
  return new Map([
    [SERVICE_KEYS.ports, formatServicePorts(ports)],
    [SERVICE_KEYS.affinity, affinity ? 'client' : 'none'],
    [SERVICE_KEYS.timeout, affinity?.timeoutSeconds === undefined ? '' : `${affinity.timeoutSeconds}s`],
  ]);
}
