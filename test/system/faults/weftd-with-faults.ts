import { setFlagsFromString } from 'node:v8';

// As daemon/main.ts does before it reads weftd.
setFlagsFromString('--no-maglev');
setFlagsFromString('--semi-space-growth-factor=16');
setFlagsFromString('--heap-growing-percent=900');
await import('./faulty-weftd.ts');
