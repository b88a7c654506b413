import { access, readFile } from 'node:fs/promises';
import { release } from 'node:os';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';

/** Whether the kernel can do something, and how that is known. */
export interface Availability {
  readonly state: 'present' | 'absent' | 'unknown';
  readonly evidence: string;
}

/** What is known of one kernel module. */
export interface ModuleFacts {
  /** Something of it is in use on this host. */
  readonly inUse: boolean;
  /** There is a directory /sys/module/NAME. */
  readonly loaded: boolean;
  /** In modules.builtin of the running kernel; undefined: there is no such file. */
  readonly builtIn: boolean | undefined;
  /** In modules.dep of the running kernel; undefined: there is no such file. */
  readonly loadable: boolean | undefined;
  /** The kernel's build configuration; undefined: it is not published. */
  readonly config: 'y' | 'm' | 'n' | undefined;
}

/** Strongest evidence first: use, then the running kernel's own word, then files that might be another kernel's. */
export function judgeModule(facts: ModuleFacts): Availability {
  const present = (evidence: string): Availability => ({ state: 'present', evidence });
  if (facts.inUse) return present('in use');
  if (facts.loaded) return present('loaded');
  if (facts.config === 'y' || facts.builtIn === true) return present('built in');
  if (facts.config === 'n') return { state: 'absent', evidence: 'not configured in this kernel' };
  if (facts.loadable === true) return present('a loadable module');
  if (facts.loadable === false) return { state: 'absent', evidence: `no module for kernel ${release()}` };
  return {
    state: 'unknown',
    evidence: facts.config === 'm' ? 'configured as a module, and no list of modules' : 'no list of modules',
  };
}

/** The files that tell about modules, each read once; undefined where there is none. */
export interface ModuleSources {
  readonly builtIn: string | undefined;
  readonly dependencies: string | undefined;
  readonly config: string | undefined;
}

export async function readModuleSources(): Promise<ModuleSources> {
  const modules = `/lib/modules/${release()}`;
  const [builtIn, dependencies, running, installed] = await Promise.all([
    ifThere(readFile(`${modules}/modules.builtin`, 'utf8')),
    ifThere(readFile(`${modules}/modules.dep`, 'utf8')),
    ifThere(readFile('/proc/config.gz').then((bytes) => promisify(gunzip)(bytes))),
    ifThere(readFile(`/boot/config-${release()}`, 'utf8')),
  ]);
  return { builtIn, dependencies, config: running?.toString() ?? installed };
}

/** @param config the symbol, without `CONFIG_`. */
export async function moduleFacts(
  sources: ModuleSources,
  name: string,
  config: string,
  inUse: boolean,
): Promise<ModuleFacts> {
  // Module file names have either character where module names have "_", and may be compressed.
  const file = new RegExp(`/${name.replaceAll('_', '[-_]')}\\.ko(\\.\\w+)?(:|$)`, 'm');
  return {
    inUse,
    loaded: (await ifThere(access(`/sys/module/${name}`).then(() => true))) ?? false,
    builtIn: sources.builtIn === undefined ? undefined : file.test(sources.builtIn),
    loadable: sources.dependencies === undefined ? undefined : file.test(sources.dependencies),
    config: configValue(sources.config, config),
  };
}

/** A line of a kernel configuration is `CONFIG_X=y`, `CONFIG_X=m` or `# CONFIG_X is not set`, or is missing. */
export function configValue(text: string | undefined, symbol: string): ModuleFacts['config'] {
  if (text === undefined) return undefined;
  const value = new RegExp(`^CONFIG_${symbol}=([ym])$`, 'm').exec(text)?.[1];
  return value === 'y' || value === 'm' ? value : 'n';
}

async function ifThere<Value>(read: Promise<Value>): Promise<Value | undefined> {
  try {
    return await read;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
