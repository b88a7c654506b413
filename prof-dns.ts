import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { aName } from './test/support/listed-names.ts';
import { ResolverScene } from './test/system/resolver/scene.ts';
if (process.env['PROF']) process.env['NODE_OPTIONS'] = `--cpu-prof --cpu-prof-dir=${process.env['PROF']} --cpu-prof-interval=500`;
const scene = new ResolverScene();
for (let i = 0; i < 10; i++) scene.naming.put(aName(`e${i}`, [`bench-weft-${i}`], { ipv4: `198.18.0.${i}` as never }));
const sandbox = await scene.sandbox();
const resolver = await scene.resolver();
await resolver.ready(sandbox.key, 10_000);
delete process.env['NODE_OPTIONS'];
writeFileSync('/tmp/prof-q', Array.from({ length: 10 }, (_, i) => `bench-weft-${i} A\n`).join(''));
const run = (...a: string[]) => execFileSync('nsenter', [`--net=${sandbox.namespace.path}`, 'dnsperf', '-s', '127.0.0.11', '-d', '/tmp/prof-q', '-t', '1', '-c', '4', ...a], { encoding: 'utf8' });
for (let i = 0; i < 3; i++) {
  const out = run('-l', '2', '-q', '64');
  console.log(out.match(/Queries (per second|lost|sent|completed|interrupted).*/g)?.join(' | '));
}
const text = run('-l', '4', '-q', '64', '-Q', '1000', '-v');
const times = [...text.matchAll(/^> NOERROR \S+ A (\d+\.\d+)$/gm)].map((e) => Number(e[1]) * 1e6).sort((a, b) => a - b);
console.log('p50', times[times.length >> 1], 'p99', times[Math.floor(times.length * 0.99)], 'max', times.at(-1));
const pid = scene.pid;
console.log(execFileSync('sh', ['-c', `grep ctxt /proc/${pid}/status; cat /proc/${pid}/stat | cut -d' ' -f14,15`], { encoding: 'utf8' }));
await resolver[Symbol.asyncDispose]();
await scene[Symbol.asyncDispose]();
process.exit();
