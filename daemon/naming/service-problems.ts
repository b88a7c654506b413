import { mergeDeclarations } from '../../balancer/declare/index.ts';
import type { NameRecord } from '../../core/naming.ts';
import type { Service } from '../../core/service.ts';
import { declarationsIn } from './declared-service.ts';
import type { Log } from './log.ts';

type ServiceId = Pick<Service, 'network' | 'name'>;

/** What is wrong with services: logged when it comes, and kept for as long as it lasts. */
export class ServiceProblems {
  readonly #log: Log;
  /** By network, service and kind of problem. */
  readonly #problems = new Map<string, readonly string[]>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** A sentence each. */
  get all(): readonly string[] {
    return [...this.#problems.values()].flat();
  }

  /** What is wrong of one kind now; nothing ends it. */
  set(
    { network, name }: ServiceId,
    kind: 'address' | 'declarations' | 'name',
    problems: readonly string[],
  ): void {
    const key = `${network}/${name}/${kind}`;
    const before = this.#problems.get(key) ?? [];
    if (problems.length === 0) this.#problems.delete(key);
    else this.#problems.set(key, problems);
    for (const problem of problems)
      if (!before.includes(problem)) this.#log.warn({ network, service: name }, problem);
  }

  /** The service is no more. */
  clear(service: ServiceId): void {
    for (const kind of ['address', 'declarations', 'name'] as const) this.set(service, kind, []);
  }

  /**
   * @param declared the endpoints that declare the service.
   * @param named those that have its name as their own.
   */
  judge(service: ServiceId, declared: readonly NameRecord[], named: readonly NameRecord[]): void {
    const nameOf = new Map(
      declared.map(({ endpoint, names }) => [endpoint, names[0] ?? endpoint.slice(0, 12)]),
    );
    const differences = mergeDeclarations(declarationsIn(declared))?.differences ?? [];
    this.set(
      service,
      'declarations',
      differences.map(
        ({ endpoint, key, declared: said, used }) =>
          `container ${nameOf.get(endpoint)} says ${key}="${said}" of service ${service.name}, where "${used}" holds`,
      ),
    );
    const others = named.filter((each) => each.service?.service !== service.name);
    this.set(
      service,
      'name',
      others.map(
        ({ names: [own = ''] }) =>
          `${service.name} is the name of a service and of container ${own}: it resolves to the service`,
      ),
    );
  }
}
