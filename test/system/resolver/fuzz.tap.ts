import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { aName } from '../../support/a-name.ts';
import type { FuzzResult } from '../../support/dns-fuzz.ts';
import { ip, ResolverScene } from './scene.ts';

t.setTimeout(900_000);

/** scripts/fuzz-dns sets them. */
const PACKETS = Number(process.env['WEFT_FUZZ_PACKETS'] ?? 50_000);
const SEED = Number(process.env['WEFT_FUZZ_SEED'] ?? 1);

const FUZZ = join(import.meta.dirname, '../../support/dns-fuzz.ts');
const [NOERROR, FORMERR, NXDOMAIN] = [0, 1, 3];

t.test(`${PACKETS} random and mutated packets`, async (t) => {
  await using scene = new ResolverScene();
  scene.naming.putName(aName('e1', ['web'], { ipv4: ip('198.18.0.1') }));
  const sandbox = await scene.sandbox();
  await using resolver = await scene.resolver();
  await resolver.ready(sandbox.key, 10_000);
  const { pid } = scene;

  const argv = [`--net=${sandbox.namespace.path}`, process.execPath, FUZZ, `${PACKETS}`, `${SEED}`, 'web'];
  const result = JSON.parse(execFileSync('nsenter', argv, { encoding: 'utf8' })) as FuzzResult;
  t.comment(JSON.stringify(result));
  t.ok(result.sent >= PACKETS);
  t.same(result.odd, [], 'what comes back is a reply to something that was asked');
  t.same([result.wrong, result.lost], [0, 0], 'the question after each few is answered right');
  t.ok((result.replies[FORMERR] ?? 0) > PACKETS / 100, 'what does not follow the format is answered so');
  t.ok((result.replies[NOERROR] ?? 0) > 0);
  t.notOk(result.replies[NXDOMAIN], 'and nobody has said that there is no such name');

  t.equal(scene.pid, pid, 'the process is the same');
  t.equal(resolver.status.restarts, 0);
  t.equal(readFileSync(join(scene.runDir, 'resolver/stderr.log'), 'utf8'), '');
  t.equal(sandbox.dig('web', '+short'), '198.18.0.1');
});
