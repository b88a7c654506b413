import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { tapFailures } from '../support/tap-failures.ts';
import { ROOT, run } from './command.ts';
import { type Count, show } from './count.ts';

const FILE_LIMIT_MS = 900_000;
/** How much is shown of the output of a file that has failed. */
const SHOWN_LINES = 400;

interface FileCount extends Count {
  readonly briefly: readonly string[];
}

/** What a file may run beside: `busy` ones wait as long as they have to, and run while there is little of a processor. */
type Company = 'nobody' | 'any' | 'busy';

/**
 * System test files, by what may run beside them. Deadlines of two seconds can be
 * missed beside another file; what has failed is therefore run once more, alone, and must pass then.
 */
export class SystemFiles {
  readonly #files: Readonly<Record<Company, string[]>>;
  readonly #again: string[] = [];
  readonly #counts: Count[] = [];

  constructor(files: readonly string[]) {
    const having = (company: Company) => files.filter((file) => companyOf(file) === company);
    this.#files = { nobody: having('nobody'), any: having('any'), busy: having('busy') };
  }

  /** What does much and asserts nothing of how long it takes. */
  async runPatient(): Promise<void> {
    await this.#work(this.#files.busy, 2);
  }

  /** What asserts that something takes a quarter of a second at the most. */
  async runAlone(): Promise<void> {
    await this.#work(this.#files.nobody, 1);
  }

  /** @param jobs how many at a time */
  async runOthers(jobs: number): Promise<void> {
    await this.#work(this.#files.any, jobs);
  }

  /** Runs again what has failed, when nothing else runs any more. @returns what all files came to */
  async close(): Promise<readonly Count[]> {
    for (const file of this.#again.sort()) {
      const count = await system(file);
      this.#counts.push(count);
      if (count.failed > 0) {
        process.stdout.write(`\nfailed alone: ${file}\n${count.briefly.join('\n')}\n`);
      }
    }
    return this.#counts;
  }

  async #work(files: string[], jobs: number): Promise<void> {
    await Promise.all(Array.from({ length: jobs }, () => this.#worker(files)));
  }

  async #worker(files: string[]): Promise<void> {
    for (let file = files.shift(); file !== undefined; file = files.shift()) {
      const count = await system(file);
      if (count.failed === 0) this.#counts.push(count);
      else this.#again.push(file);
    }
  }
}

async function system(file: string): Promise<FileCount> {
  const started = Date.now();
  const { code, output } = await run([process.execPath, file], FILE_LIMIT_MS);
  const passed = output.match(/^ok\b/gm)?.length ?? 0;
  const failures = output.match(/^not ok\b/gm)?.length ?? 0;
  const failed = failures === 0 && (code !== 0 || passed === 0) ? 1 : failures;
  show(file, failed === 0, (Date.now() - started) / 1000, `${passed} passed `);
  if (failed > 0) process.stdout.write(output.split('\n').slice(-SHOWN_LINES).join('\n'));
  return { passed, failed, briefly: tapFailures(output) };
}

/**
 * Every system test file: first what asserts that something takes some seconds at the most, which waits more than it
 * works and so has processors free; then what takes minutes, so that nothing long is left for the end.
 */
export function tapFiles(): readonly string[] {
  const files = readdirSync(join(ROOT, 'test/system'), { recursive: true, encoding: 'utf8' });
  return files
    .filter((name) => name.endsWith('.tap.ts'))
    .map((name) => join('test/system', name))
    .sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
}

const ORDER = [
  /overlay\/faults-hosts|naming\/rolling|dockerd-faults|resolver\/forwarding|lan\/dhcp-docker|balancing\.tap/,
  /crash-points|random-walk|services-|faults-store|engine-cycles|soak|reachability|etcd-|membership|names-overlay|macvlan-/,
];

function rank(file: string): number {
  const at = ORDER.findIndex((names) => names.test(file));
  return at < 0 ? ORDER.length : at;
}

function companyOf(file: string): Company {
  if (/blackbox\/(engine-cycles|bad-input|replay|network-driver)|bridge\/(ipam|options)/.test(file))
    return 'busy';
  return /naming\/faults-|resolver\/(faults|weftd-killed)/.test(file) ? 'nobody' : 'any';
}
