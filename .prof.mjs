import { setFlagsFromString } from 'node:v8';
import { flushCompileCache } from 'node:module';
const t=performance.now();
setFlagsFromString('--semi-space-growth-factor=1');
setFlagsFromString('--no-maglev');
await import('/tmp/w-res/discovery/process/index.ts');
const l=performance.now()-t;
const s=performance.now(); flushCompileCache(); 
console.log('boot',t|0,'load',l|0,'flush',performance.now()-s|0, process.cpuUsage());
