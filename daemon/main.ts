import { setFlagsFromString } from 'node:v8';

/*
 * The nursery of V8's heap doubles up to 16 MB under load and seldom shrinks; weftd's work fits the first 1 MB. The
 * middle compiler costs 8 MB, and what is hot reaches the last one anyway. Set before the first large module is read,
 * so this file is apart from what it starts. The compile cache is the launcher's business (scripts/weftd): a directory
 * that others can write to must never hold code for root.
 */
setFlagsFromString('--semi-space-growth-factor=1');
setFlagsFromString('--no-maglev');
const { runWeftd } = await import('./run.ts');
process.exitCode = await runWeftd(process.argv.slice(2), process.env);
