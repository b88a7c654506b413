import { readFileSync, statSync } from 'node:fs';
import { pino } from 'pino';
import type { Backend, Service } from '../../core/service.ts';
import { Balancing } from '../../daemon/balancing/index.ts';
import { DriftLog } from '../../daemon/reconcile/index.ts';
import { runWeftd } from '../../daemon/run.ts';
import { NamespaceWatch, RepositorySandboxes } from '../../daemon/sandboxes/index.ts';
import { Repository } from '../../daemon/state/index.ts';
import { MemoryNaming } from './memory-naming.ts';

/*
 * weftd with virtual IPs for services that a file lists, for tests on a host with a real engine. It logs, in
 * milliseconds, when each sandbox had its tables: `soon` after the namespace was noticed. Usage: node
 * balancing-weftd.ts SERVICES-FILE WEFTD-ARGUMENT…
 */

const LOOK_MS = 20;
const LONG_MS = 30_000;

const [file = '', ...argv] = process.argv.slice(2);
const log = pino({}, pino.destination({ fd: 2, sync: true }));

/** Whoever loads the intent of this process shares it with what follows it here. */
const load = Repository.load.bind(Repository);
Repository.load = async (store) => {
  const repository = await load(store);
  await balance(repository);
  return repository;
};

process.exitCode = await runWeftd(argv, process.env);
process.exit();

async function balance(repository: Repository): Promise<void> {
  const naming = new MemoryNaming();
  const sandboxes = new RepositorySandboxes(repository);
  const namespaces = new NamespaceWatch(sandboxes);
  const noticed = new Map<string, number>();
  namespaces.subscribe(({ key, alive }) => {
    if (alive) noticed.set(key, performance.now());
    log.info({ key, alive }, 'namespace');
  });
  const balancing = await Balancing.open({
    ...{ naming, sandboxes, namespaces, log },
    hostNetworks: () => sandboxes.networks(),
    drift: new DriftLog((repair) => log.info(repair, 'repaired')),
    clock: { now: () => Date.now() },
  });
  const asked = new Set<string>();
  sandboxes.subscribe((changed) => {
    for (const key of changed) {
      if (sandboxes.get(key) === undefined || asked.has(key)) continue;
      asked.add(key);
      const joined = performance.now();
      void balancing.ready(key, LONG_MS).then((is) => {
        const now = performance.now();
        const since = noticed.get(key) ?? joined;
        log.info({ key, is, afterJoin: now - joined, soon: now - since }, 'sandbox ready');
      });
    }
  });
  let seen = 0;
  setInterval(() => {
    const changed = statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    if (changed === seen) return;
    seen = changed;
    const services = JSON.parse(readFileSync(file, 'utf8')) as { service: Service; backends: Backend[] }[];
    for (const { service, backends } of services) naming.set(service, backends);
    log.info({ services: services.length }, 'services read');
  }, LOOK_MS);
}
