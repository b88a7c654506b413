import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { tapFailures } from '../support/tap-failures.ts';
import { ROOT, run } from './command.ts';
import { type Count, show } from './count.ts';
import { IdleTime } from './idle-time.ts';

const FILE_LIMIT_MS = 900_000;
/** How often it is looked whether the processors are idle, from which share of them one more file is run, and how many. */
const LOOK_MS = 5000;
const IDLE_ENOUGH = 0.25;
const MORE = 2;
/** How much is shown of the output of a file that has failed. */
const SHOWN_LINES = 400;

interface FileCount extends Count {
  readonly briefly: readonly string[];
}

/**
 * What a file may run beside. Of others, `timed` ones assert that something takes some seconds at the most; `patient` ones
 * wait as long as they have to.
 */
type Company = 'nobody' | 'timed' | 'patient' | 'any';

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
    this.#files = {
      nobody: having('nobody'),
      timed: having('timed'),
      patient: having('patient'),
      any: having('any'),
    };
  }

  /** What asserts that something takes a quarter of a second at the most. */
  async runAlone(): Promise<void> {
    const { nobody } = this.#files;
    await this.#lane(() => nobody.shift());
  }

  /**
   * All others.
   * @param jobs how many at a time; some more while they leave the processors idle.
   * @param first takes the place of one of them, and most of a processor, until it ends: what is timed comes after it.
   */
  async runOthers(jobs: number, first?: Promise<unknown>): Promise<void> {
    const { timed, patient, any } = this.#files;
    let isCrowded = first !== undefined;
    const next = () => (isCrowded ? undefined : timed.shift()) ?? patient.shift() ?? any.shift();
    const lanes = Array.from({ length: jobs - 1 }, () => this.#lane(next));
    const idle = new IdleTime();
    let more = 0;
    const fill = async () => {
      const file = idle.share() > IDLE_ENOUGH && more < MORE ? (patient.shift() ?? any.shift()) : undefined;
      if (file === undefined) return;
      more++;
      await this.#one(file);
      more--;
    };
    const look = setInterval(() => lanes.push(fill()), LOOK_MS);
    await first;
    isCrowded = false;
    lanes.push(this.#lane(next));
    for (const each of lanes) await each;
    clearInterval(look);
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

  async #lane(next: () => string | undefined): Promise<void> {
    for (let file = next(); file !== undefined; file = next()) await this.#one(file);
  }

  async #one(file: string): Promise<void> {
    const count = await system(file);
    if (count.failed === 0) this.#counts.push(count);
    else this.#again.push(file);
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

/** Every system test file; what takes minutes first, so that nothing long is left for the end. */
export function tapFiles(): readonly string[] {
  const files = readdirSync(join(ROOT, 'test/system'), { recursive: true, encoding: 'utf8' });
  return files
    .filter((name) => name.endsWith('.tap.ts'))
    .map((name) => join('test/system', name))
    .sort((a, b) => Number(LONG.test(b)) - Number(LONG.test(a)) || (a < b ? -1 : 1));
}

const LONG =
  /crash-points|rolling|dockerd-faults|faults-hosts|dhcp-docker|random-walk|services-|faults-store|engine-cycles|soak|reachability|etcd-|membership|names-overlay|macvlan-/;

const COMPANY: readonly (readonly [Company, RegExp])[] = [
  ['nobody', /naming\/faults-|resolver\/(faults|weftd-killed)/],
  [
    'timed',
    /overlay\/faults-hosts|naming\/rolling|dockerd-faults|resolver\/forwarding|lan\/dhcp-docker|balancing\.tap/,
  ],
  [
    'patient',
    /crash-points|blackbox\/(engine-c|bad-input|replay|network-driver)|bridge\/(ipam|options)|kernel-contract/,
  ],
];

function companyOf(file: string): Company {
  return COMPANY.find(([, names]) => names.test(file))?.[0] ?? 'any';
}
