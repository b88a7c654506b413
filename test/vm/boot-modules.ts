import { dirname, join } from 'node:path';

/** What the first stage of the boot needs before it sees the machine's files. The kernel loads the rest by itself. */
export const BOOT_MODULES = ['virtio_pci', 'virtio_console', '9pnet_virtio', '9p', 'overlay'] as const;

/**
 * The files of modules and of what they depend on, each once, in an order in which they can be inserted.
 * @param dep text of modules.dep, as depmod(8) writes it: `FILE: FILE…`, dependencies last first
 * @param names modules as modprobe(8) takes them; `-` and `_` are the same
 * @returns paths below the modules folder, as in `dep`
 * @throws {Error} naming a module that `dep` does not have
 */
export function insertionOrder(dep: string, names: readonly string[]): readonly string[] {
  const known = new Map(dep.split('\n').flatMap(readLine));
  const order = new Set<string>();
  for (const name of names) {
    const found = known.get(normal(name));
    if (found === undefined) throw new Error(`the kernel has no module ${name}`);
    for (const file of [...found.needs].reverse()) order.add(file);
    order.add(found.file);
  }
  return [...order];
}

interface Module {
  readonly file: string;
  readonly needs: readonly string[];
}

function readLine(line: string): readonly (readonly [string, Module])[] {
  const colon = line.indexOf(':');
  if (colon < 0) return [];
  const file = line.slice(0, colon);
  const needs = line
    .slice(colon + 1)
    .split(' ')
    .filter((each) => each !== '');
  return [[normal(file.slice(join(dirname(file), '/').length)), { file, needs }]];
}

/** A module's name out of its file's: `kernel/net/8021q/8021q.ko.xz` and `8021q` are the same. */
function normal(name: string): string {
  return name.replace(/\.ko(\.\w+)?$/, '').replaceAll('-', '_');
}
