import { setFlagsFromString } from 'node:v8';

/*
 * Node's own large modules, before any flag: they come compiled, which V8 accepts only under the flags it began with.
 * Not by import, which a bundler drops.
 */
const LARGE = ['crypto', 'dgram', 'fs/promises', 'http2', 'https', 'stream/consumers', 'worker_threads'];
for (const name of LARGE) process.getBuiltinModule(`node:${name}`);

/*
 * The middle compiler costs 8 MB, and what is hot reaches the last one anyway. Set before the first large module is read,
 * so whoever imports this loads weftd afterwards, by import(). The compile cache is the launcher's business
 * (scripts/weftd): a directory that others can write to must never hold code for root.
 */
setFlagsFromString('--no-maglev');
// The nursery is at its largest at once; MemoryTrim keeps it small when the start is over.
setFlagsFromString('--semi-space-growth-factor=16');
// Tenfold between two collections of the whole heap, also until then: most of what a start makes stays.
setFlagsFromString('--heap-growing-percent=900');
