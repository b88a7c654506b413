import { flushCompileCache } from 'node:module';
import { setFlagsFromString } from 'node:v8';

// As daemon/start-flags.ts: they come compiled, and would be compiled anew under the flags below.
for (const name of ['crypto', 'dgram', 'fs/promises', 'net', 'tls', 'worker_threads']) {
  process.getBuiltinModule(`node:${name}`);
}
/* A small heap that stays small. Set before the first large module is read. */
setFlagsFromString('--semi-space-growth-factor=1');
setFlagsFromString('--no-maglev');
const { runResolver } = await import('./process/index.ts');
// Now, since a process that is killed leaves nothing behind, and it is the next start that has to be quick.
flushCompileCache();
await runResolver(process.argv.slice(2));
process.exit();
