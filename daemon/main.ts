import { setFlagsFromString } from 'node:v8';

/*
 * The middle compiler costs 8 MB, and what is hot reaches the last one anyway. Set before the first large module is read,
 * so this file is apart from what it starts. The compile cache is the launcher's business (scripts/weftd): a directory
 * that others can write to must never hold code for root.
 */
setFlagsFromString('--no-maglev');
// The nursery is at its largest at once; MemoryTrim keeps it small when the start is over.
setFlagsFromString('--semi-space-growth-factor=16');
const { runWeftd } = await import('./run.ts');
process.exitCode = await runWeftd(process.argv.slice(2), process.env);
