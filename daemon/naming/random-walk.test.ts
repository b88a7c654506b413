import fc from 'fast-check';
import { expect, test } from 'vitest';
import { NamingCluster } from '../../test/fakes/naming-cluster.ts';
import { containerId, endpointId, type NamingHost } from '../../test/fakes/naming-host.ts';
import { until } from '../../test/lab/until.ts';

const NET = 'a1'.repeat(32);
const CONTAINERS = ['a', 'b', 'c', 'd'];
const SERVICES = ['web', 'api'];
const HOSTS = 2;

type Step =
  | { readonly do: 'run'; readonly host: number; readonly name: string; readonly service: string | undefined }
  | { readonly do: 'end' | 'drain'; readonly host: number; readonly name: string }
  | { readonly do: 'restart' | 'docker down' | 'docker up'; readonly host: number }
  | { readonly do: 'remove service'; readonly host: number; readonly name: string }
  | { readonly do: 'wait' };

const host = fc.nat(HOSTS - 1);
const container = fc.constantFrom(...CONTAINERS);
const steps = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant('run' as const),
        host,
        name: container,
        service: fc.constantFrom(undefined, ...SERVICES),
      }),
    },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('end' as const), host, name: container }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('drain' as const), host, name: container }) },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constantFrom('restart' as const, 'docker down' as const, 'docker up' as const),
        host,
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constant('remove service' as const),
        host,
        name: fc.constantFrom(...SERVICES),
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const) }) },
  ),
  { minLength: 5, maxLength: 25 },
);

/** What runs where, by host and container. */
interface Running {
  readonly service: string | undefined;
  readonly draining: boolean;
}

class Walk {
  readonly #hosts: readonly NamingHost[];
  readonly #running = new Map<string, Running>();
  readonly #isUp: boolean[];

  constructor(hosts: readonly NamingHost[]) {
    this.#hosts = hosts;
    this.#isUp = hosts.map(() => true);
  }

  async take(step: Step): Promise<void> {
    if (step.do === 'wait') {
      for (const each of this.#hosts) await each.naming.settled();
      return;
    }
    const on = this.#hosts[step.host];
    if (on === undefined) throw new Error('no host');
    switch (step.do) {
      case 'run':
        return this.#run(on, step.host, step.name, step.service);
      case 'end':
        return this.#end(on, step.host, step.name);
      case 'drain':
        return this.#drain(on, step.host, step.name);
      case 'restart':
        return on.restart();
      case 'docker down':
        if (this.#isUp[step.host]) await on.docker.down();
        this.#isUp[step.host] = false;
        return;
      case 'docker up':
        if (!this.#isUp[step.host]) await on.docker.up();
        this.#isUp[step.host] = true;
        return;
      case 'remove service':
        // Refused while it is declared, and where there is none.
        await on.naming.removeService('app', step.name).catch(() => undefined);
    }
  }

  async #run(on: NamingHost, host: number, name: string, service: string | undefined): Promise<void> {
    const key = `${host}${name}`;
    if (this.#running.has(key)) return;
    const labels = service === undefined ? {} : { 'weft.service': service };
    await on.run({ name: key, networkId: NET, labels });
    this.#running.set(key, { service, draining: false });
  }

  async #end(on: NamingHost, host: number, name: string): Promise<void> {
    if (this.#running.delete(`${host}${name}`)) await on.end(`${host}${name}`);
  }

  /** Only heard while Docker is there; it is the one thing that no inspection tells again. */
  async #drain(on: NamingHost, host: number, name: string): Promise<void> {
    const key = `${host}${name}`;
    const running = this.#running.get(key);
    if (running === undefined || !this.#isUp[host]) return;
    on.docker.die(containerId(key));
    const endpoint = on.is.repository.endpoint(endpointId(key) as never);
    if (endpoint !== undefined) await on.is.repository.deleteEndpoint(endpoint);
    this.#running.delete(key);
  }

  async settle(): Promise<void> {
    for (const [index, each] of this.#hosts.entries()) {
      await this.take({ do: 'docker up', host: index });
      await until('Docker is followed', () => each.docker.followers > 0);
    }
    const expected = [...this.#running].map(([key, { service }]) => `${key} ${service ?? '-'} ready`).sort();
    for (const each of this.#hosts) {
      await until('all names and no others', () => {
        const shown = [...each.view.names('app')].map(
          ({ names: [own], service, state }) => `${own} ${service?.service ?? '-'} ${state}`,
        );
        if (JSON.stringify(shown.sort()) !== JSON.stringify(expected))
          throw new Error(`${each.name} shows ${shown.join(', ')} instead of ${expected.join(', ')}`);
        return true;
      });
    }
  }

  async servicesAreRight(): Promise<void> {
    const declared = new Set([...this.#running.values()].flatMap(({ service }) => service ?? []));
    for (const each of this.#hosts) {
      await until('declared services are made and used, the others unused', () => {
        const known = new Map([...each.view.services('app')].map((service) => [service.name, service]));
        const missing = [...declared].filter((name) => known.get(name)?.vip4 === undefined);
        const wrong = [...known.values()].filter(
          ({ name, unusedSince }) => declared.has(name) === (unusedSince !== undefined),
        );
        return missing.length === 0 && wrong.length === 0;
      });
      await each.naming.settled();
    }
    await until('virtual IPs are held once, and no others', () => {
      const services = [...(this.#hosts[0]?.view.services('app') ?? [])];
      const vips = services.map(({ vip4 = '' }) => vip4).sort();
      const held = this.#hosts
        .flatMap((each) => [...each.is.ipam.services.held()].map(({ ip }) => ip))
        .sort();
      if (new Set(vips).size !== vips.length) throw new Error(`two services have one of ${vips.join(', ')}`);
      if (JSON.stringify(held) !== JSON.stringify(vips))
        throw new Error(`held ${held.join(', ')}; services have ${vips.join(', ')}`);
      return true;
    });
    const endpoints = this.#hosts.flatMap((each) =>
      [...each.view.names('app')].flatMap(({ ipv4 }) => ipv4 ?? []),
    );
    for (const service of this.#hosts[0]?.view.services('app') ?? [])
      expect(endpoints).not.toContain(service.vip4);
  }
}

test('whatever happens, in the end the names are those of what runs and the services those declared', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (walk) => {
      await using cluster = await NamingCluster.create();
      const hosts: NamingHost[] = [];
      for (let i = 0; i < HOSTS; i++) hosts.push(await cluster.host(`h${i}`));
      for (const each of hosts) await each.network({ id: NET, overlay: 'app' });
      const world = new Walk(hosts);
      for (const step of walk) await world.take(step);
      await world.settle();
      await world.servicesAreRight();
    }),
    { numRuns: Number(process.env['WEFT_WALKS'] ?? 12) },
  );
}, 120_000);
