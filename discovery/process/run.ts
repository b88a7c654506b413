import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { InvalidArgument, KernelError } from '../../core/errors.ts';
import { gainNoPrivileges, refuseSystemCalls, releaseProgramText } from '../../kernel/libc/index.ts';
import { type FeedMessage, tableObserver } from '../feed/index.ts';
import { COUNTS_PER_MESSAGE, type Order, type Report, resolverFiles } from '../link/index.ts';
import { NameTable } from '../table/index.ts';
import { HandedSockets } from './handed-sockets.ts';
import { Knowledge } from './knowledge.ts';
import { PortBook } from './port-book.ts';
import { ReportLog } from './report-log.ts';
import { ServedSandboxes } from './served-sandboxes.ts';
import { Succession } from './succession.ts';
import { WeftdLink } from './weftd-link.ts';

/** How often weftd hears how many queries there were. */
const COUNTS_MS = 10_000;
/** After this the start is over, and half of Node's code with it: its memory goes back to the system. */
const STARTED_MS = 5000;
/** How long what was asked may take at the end; clients over TCP are disconnected then. */
const DRAIN_MS = 15_000;

interface Settings {
  readonly runDir: string;
  readonly stateDir: string;
  /** What weftd knows this process' program by. */
  readonly build: string;
  readonly debug: boolean;
  /** Sockets are handed over, says a file. */
  readonly handed: boolean;
  /** Descriptor through which weftd sends the sockets that come later. */
  readonly channel: number | undefined;
  /** Descriptor of a lock: it serves when no other process does. */
  readonly standby: number | undefined;
}

function readSettings(argv: readonly string[]): Settings {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      'run-dir': { type: 'string' },
      'state-dir': { type: 'string' },
      build: { type: 'string' },
      debug: { type: 'boolean', default: false },
      handed: { type: 'boolean', default: false },
      channel: { type: 'string' },
      'standby-lock': { type: 'string' },
    },
  });
  const { 'run-dir': runDir, 'state-dir': stateDir, build, debug, handed } = values;
  const descriptor = (text: string | undefined) => (text === undefined ? undefined : Number(text));
  const [channel, standby] = [descriptor(values.channel), descriptor(values['standby-lock'])];
  if (runDir === undefined || stateDir === undefined || build === undefined) {
    throw new InvalidArgument(
      'the resolver process is started by weftd, with --run-dir, --state-dir and --build',
    );
  }
  return { runDir, stateDir, build, debug, handed, channel, standby };
}

/**
 * Answers in every sandbox by what weftd tells, or by what is on disk where it tells nothing, until weftd or a signal
 * says to end.
 * @throws {WeftError} when it cannot begin at all.
 */
export async function runResolver(argv: readonly string[]): Promise<void> {
  const settings = readSettings(argv);
  const files = resolverFiles(settings.runDir);
  mkdirSync(files.directory, { recursive: true, mode: 0o700 });
  const log = new ReportLog(settings.debug);
  confine(log);
  await using stack = new AsyncDisposableStack();
  const note = { pid: process.pid, build: settings.build };
  const succession = stack.use(new Succession({ files, note, standby: settings.standby, log }));
  const table = new NameTable();
  let link: WeftdLink | undefined;
  const ports = new PortBook(files.ports, log);
  const { channel } = settings;
  const handed = new HandedSockets({
    log,
    ...(settings.handed ? { born: files.handed } : {}),
    ...(channel === undefined ? {} : { channel }),
  });
  const report = (each: Report): void => void link?.report(each);
  const served = stack.use(new ServedSandboxes({ table, clock: Date, log, ports, handed, report }));
  const knowledge = stack.use(
    new Knowledge({
      journal: join(settings.stateDir, 'names.journal'),
      succession,
      log,
      observers: [tableObserver(table), served],
      begin: () => served.begin(),
      onInStep: (session) => {
        served.forgetHanded();
        report({ type: 'synced', session });
      },
    }),
  );
  const ended = Promise.withResolvers<void>();
  const onOrder = (order: Order): void => {
    if (order.type === 'end') ended.resolve();
    else if (order.type === 'handed') served.receiveHanded();
    else served.appeared(order.key);
  };
  const onConnect = (): void => {
    report({ type: 'hello', ...note, standby: succession.isStandby });
    for (const serving of served.serving()) report(serving);
    log.flush();
  };
  const onFeed = (message: FeedMessage): void => knowledge.receive(message);
  link = stack.use(new WeftdLink({ files, log, onConnect, onFeed, onOrder }));
  log.open((line) => link?.report(line) === true);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => ended.resolve());
  const started = setTimeout(() => releaseStart(log), STARTED_MS);
  await tellCountsUntil(ended.promise, served, link);
  clearTimeout(started);
  await Promise.race([served.drained(), sleep(DRAIN_MS, undefined, { ref: false })]);
  await ports.written();
}

/** CAP_SYS_ADMIN could do nearly everything; what is left of it is to enter network namespaces. */
function confine(log: ReportLog): void {
  try {
    gainNoPrivileges();
    refuseSystemCalls();
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    log.warn({ error: error.message }, 'the resolver process may make all system calls');
  }
}

function releaseStart(log: ReportLog): void {
  try {
    releaseProgramText();
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    log.debug({ error: error.message }, 'memory of the start is kept');
  }
}

async function tellCountsUntil(end: Promise<void>, served: ServedSandboxes, link: WeftdLink): Promise<void> {
  const counting = setInterval(() => tellCounts(served, link), COUNTS_MS);
  await end;
  clearInterval(counting);
  tellCounts(served, link);
}

function tellCounts(served: ServedSandboxes, link: WeftdLink): void {
  const all = served.counts();
  let from = 0;
  // Once at least: it tells weftd that the process is well.
  do {
    link.report({ type: 'counts', sandboxes: all.slice(from, from + COUNTS_PER_MESSAGE) });
    from += COUNTS_PER_MESSAGE;
  } while (from < all.length);
}
