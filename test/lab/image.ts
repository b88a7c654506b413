import { createHash } from 'node:crypto';
import {
  copyFile,
  mkdir,
  mkdtemp,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { runCommand } from './command.ts';
import { cacheFolder } from './paths.ts';

/** Name of the image every lab container runs: busybox with all its names, iperf3 and socat; `/www` for httpd. */
export const IMAGE = 'lab:1';

const BUSYBOX = '/bin/busybox';
/** Programs of this machine that go into the image with the libraries they need. */
const PROGRAMS = ['/usr/bin/iperf3', '/usr/bin/socat'];

/**
 * The image as a tar archive for `POST /images/create?fromSrc=-`: made from this machine's own programs, kept in
 * the cache folder under a name that changes when they do.
 */
export async function imageTar(): Promise<Buffer> {
  const file = join(cacheFolder(), 'images', `lab-${await recipe()}.tar`);
  try {
    return await readFile(file);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
  await mkdir(dirname(file), { recursive: true });
  const folder = await mkdtemp(join(dirname(file), 'making-'));
  try {
    await fill(join(folder, 'root'));
    await runCommand(['tar', '-C', join(folder, 'root'), '-cf', join(folder, 'tar'), '.']);
    await rename(join(folder, 'tar'), file);
  } finally {
    await rm(folder, { recursive: true });
  }
  return readFile(file);
}

/** Changes with the programs and with this file. */
async function recipe(): Promise<string> {
  const hash = createHash('sha256').update(await readFile(import.meta.filename));
  for (const program of [BUSYBOX, ...PROGRAMS]) {
    const { size, mtimeMs } = await stat(program);
    hash.update(`${program} ${size} ${mtimeMs}\n`);
  }
  return hash.digest('hex').slice(0, 16);
}

async function fill(root: string): Promise<void> {
  for (const folder of ['bin', 'etc', 'proc', 'sys', 'dev', 'tmp', 'root', 'run', 'var', 'www']) {
    await mkdir(join(root, folder), { recursive: true });
  }
  await copyFile(BUSYBOX, join(root, 'bin/busybox'));
  const names = (await runCommand([BUSYBOX, '--list'])).trim().split('\n');
  await Promise.all(
    names.filter((name) => name !== 'busybox').map((name) => symlink('busybox', join(root, 'bin', name))),
  );
  for (const program of PROGRAMS) {
    await copyFile(await realpath(program), join(root, 'bin', basename(program)));
    for (const library of await librariesOf(program)) {
      const target = join(root, library);
      await mkdir(dirname(target), { recursive: true });
      await copyFile(await realpath(library), target);
    }
  }
  await writeFile(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\n');
  await writeFile(join(root, 'etc/group'), 'root:x:0:\n');
  await writeFile(join(root, 'www/index.html'), 'lab\n');
}

/** Absolute paths that ldd names, the loader among them. */
async function librariesOf(program: string): Promise<string[]> {
  const text = await runCommand(['ldd', program]);
  return [...text.matchAll(/(?:=> )?(\/\S+) \(0x/g)].flatMap((match) =>
    match[1] === undefined ? [] : [match[1]],
  );
}
