import { readlinkSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { setImmediate as turn } from 'node:timers/promises';

/** Processes looked at in one turn of the event loop, some 10 µs each; not by threads, which takes three times as long. */
const AT_ONCE = 50;
/** On a host with more, the look takes as long as what it may spare. */
const TOO_MANY = 1000;

/**
 * Whether a process lives in a network namespace. A guess where that is dear to know: true with very many processes.
 * @param namespace its namespace file.
 */
export async function isLivedIn(namespace: string): Promise<boolean> {
  const [wanted, entries] = await Promise.all([nameOf(namespace), readdir('/proc')]);
  const pids = entries.filter((name) => /^\d+$/.test(name));
  if (pids.length > TOO_MANY) return true;
  for (let from = 0; from < pids.length; from += AT_ONCE) {
    if (pids.slice(from, from + AT_ONCE).some((pid) => namespaceOf(pid) === wanted)) return true;
    await turn();
  }
  return false;
}

/** As /proc/PID/ns/net names it (namespaces(7)); undefined when the file is gone. */
async function nameOf(namespace: string): Promise<string | undefined> {
  const found = await stat(namespace).catch(() => undefined);
  return found && `net:[${found.ino}]`;
}

/** The empty string for a process that has ended. */
function namespaceOf(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return '';
  }
}
