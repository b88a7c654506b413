import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { cacheFolder } from '../lab/paths.ts';
import { diesWithUs } from '../support/dies-with-us.ts';
import { sessionNice, setSessionNice } from '../support/session-nice.ts';
import { BOOT_MODULES, insertionOrder } from './boot-modules.ts';
import { cpioArchive } from './cpio-archive.ts';
import { type Command, commandScript, quoted } from './shell-script.ts';
import { PORTS, qemuArguments } from './virtual-machine.ts';

/** What to run, and how the machine is that runs it. */
export interface MicroVmOptions extends Command {
  /** Mebibytes. */
  readonly memory: number;
  readonly cpus: number;
  /** The machine ends after this long, whatever the command does. */
  readonly limitMs: number;
  /** Modules that are loaded before the command starts, as modprobe(8) takes them. */
  readonly modules: readonly string[];
  /** Ends the machine. */
  readonly signal?: AbortSignal;
  readonly onOutput: (stream: 'out' | 'err', chunk: Buffer) => void;
}

/** How a run in a microVM ended. */
export type MicroVmResult =
  | { readonly kind: 'exited'; readonly code: number }
  | { readonly kind: 'late' | 'aborted' }
  /** The machine went away before the command ended; `console` is what its kernel said last. */
  | { readonly kind: 'lost'; readonly console: string };

const BUSYBOX = '/bin/busybox';
const CONSOLE_LINES = 100;

/**
 * Boots Debian's kernel over this machine's own files, which it can change only in its memory, and runs a command there
 * as root.
 * @throws {Error} when the kernel or qemu was not fetched, or qemu does not start
 */
export async function runInMicroVm(options: MicroVmOptions): Promise<MicroVmResult> {
  const root = join(cacheFolder(), 'kernel/root');
  const kernel = join(root, 'vmlinuz');
  const qemu = join(cacheFolder(), 'qemu/root/bin-wrapped/qemu-system-x86_64');
  for (const [name, file] of Object.entries({ kernel, qemu })) {
    if (!existsSync(file)) throw new Error(`${name} is not in the cache: run scripts/setup --engines`);
  }
  const scratch = await mkdtemp(join(tmpdir(), 'weft-vm-'));
  try {
    const initramfs = join(scratch, 'initramfs');
    await writeFile(initramfs, await initramfsOf(root, options), { mode: 0o600 });
    return await boot([qemu, ...qemuArguments({ ...options, kernel, initramfs })], options);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function initramfsOf(root: string, options: MicroVmOptions): Promise<Buffer> {
  const [version = ''] = await readdir(join(root, 'modules'));
  const folder = join(root, 'modules', version);
  const order = insertionOrder(await readFile(join(folder, 'modules.dep'), 'utf8'), BOOT_MODULES);
  const names = order.map((file) => file.replaceAll('/', '-'));
  const modules = await Promise.all(
    order.map(async (file, at) => ({
      path: `modules/${names[at]}`,
      content: await readFile(join(folder, file)),
    })),
  );
  const own = (name: string): Promise<Buffer> => readFile(join(import.meta.dirname, name));
  const settings = `MODULES=${quoted(join(root, 'modules'))}\nLOAD=${quoted(options.modules.join(' '))}\n`;
  return cpioArchive([
    { path: 'init', mode: 0o755, content: await own('boot-init.sh') },
    { path: 'bin/' },
    { path: 'bin/busybox', mode: 0o755, content: await readFile(BUSYBOX) },
    { path: 'modules/' },
    { path: 'modules/order', content: `${names.join('\n')}\n` },
    ...modules,
    { path: 'job/' },
    { path: 'job/guest-init.sh', content: await own('guest-init.sh') },
    { path: 'job/settings', content: settings },
    { path: 'job/command', content: commandScript(options) },
  ]);
}

async function boot(argv: readonly string[], options: MicroVmOptions): Promise<MicroVmResult> {
  const [program, ...args] = diesWithUs(argv);
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe', 'pipe'],
    // Ctrl-C in a terminal is for this process, which then ends qemu.
    detached: true,
  });
  const { pid } = child;
  if (pid !== undefined) setSessionNice(pid, sessionNice('self') ?? 0);
  const control = textOf(portOf(child, PORTS.control));
  const said = textOf(portOf(child, 1), portOf(child, 2));
  portOf(child, PORTS.out).on('data', (chunk: Buffer) => options.onOutput('out', chunk));
  portOf(child, PORTS.err).on('data', (chunk: Buffer) => options.onOutput('err', chunk));
  let ended: 'late' | 'aborted' | undefined;
  const end = (why: 'late' | 'aborted') => {
    ended ??= why;
    child.kill('SIGKILL');
  };
  const timer = setTimeout(() => end('late'), options.limitMs);
  const abort = () => end('aborted');
  options.signal?.addEventListener('abort', abort);
  if (options.signal?.aborted) abort();
  try {
    await new Promise<void>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', () => resolve());
    });
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', abort);
  }
  const code = /^exit (\d+)$/m.exec(control())?.[1];
  if (code !== undefined) return { kind: 'exited', code: Number(code) };
  if (ended !== undefined) return { kind: ended };
  return { kind: 'lost', console: said().split(/\r?\n/).slice(-CONSOLE_LINES).join('\n').trim() };
}

/** This process' end of one of qemu's file descriptors. */
function portOf(child: ChildProcess, fd: number): Readable {
  const streams: readonly unknown[] = child.stdio;
  const stream = streams[fd];
  if (!(stream instanceof Readable)) throw new Error(`qemu has no descriptor ${fd}`);
  return stream;
}

/** What the streams have carried so far, mixed. */
function textOf(...streams: readonly Readable[]): () => string {
  const chunks: Buffer[] = [];
  for (const stream of streams) stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  return () => Buffer.concat(chunks).toString();
}
