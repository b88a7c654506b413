/**
 * Builds weft's programs into a folder, some large files instead of a thousand small ones: reading those took weftd
 * longer than the rest of its start.
 *
 *   node scripts/bundle.ts DIR [ENTRY…]     DIR/daemon/main.js, DIR/discovery/main.js, DIR/cli/main.js, and other entries
 */
import { join, resolve } from 'node:path';
import { rolldown } from 'rolldown';

const ROOT = resolve(import.meta.dirname, '..');
const PROGRAMS = ['daemon/main', 'discovery/main', 'cli/main'];
/** Stay in node_modules: they have native code, or look for files beside their own. */
const APART = [/^koffi/, /^netlink/, /^node-ipc/, /^pino/, /^@fastify\/swagger/];

const [dir, ...entries] = process.argv.slice(2);
if (dir === undefined) throw new Error('usage: scripts/bundle.ts DIR [ENTRY…]');
const bundle = await rolldown({
  input: Object.fromEntries([...PROGRAMS, ...entries].map((name) => [name, join(ROOT, `${name}.ts`)])),
  cwd: ROOT,
  platform: 'node',
  external: APART,
  checks: { ineffectiveDynamicImport: false },
});
// daemon/resolver/build-id.ts relies on these names: that of a part changes with its content.
await bundle.write({ dir, entryFileNames: '[name].js', chunkFileNames: 'parts/[name]-[hash].js' });
await bundle.close();
