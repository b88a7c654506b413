import pino from 'pino';
import type { SandboxKey } from '../../../core/ids.ts';
import { Resolver, serversOf } from '../../../daemon/resolver/index.ts';
import { MemoryNames } from '../../fakes/memory-names.ts';
import { aName } from '../../support/a-name.ts';
import { MemorySandboxes } from '../../support/memory-sandboxes.ts';

/*
 * What weftd does about names, in a process that a test can kill: node weftd-stand-in.ts RUN_DIR STATE_DIR KEY NAME=IP…
 * Prints the pid of the resolver process once the sandbox is redirected, and stays.
 */
const [runDir = '', stateDir = '', key = '', ...names] = process.argv.slice(2);
const naming = new MemoryNames();
for (const each of names) {
  const [name = '', ipv4 = ''] = each.split('=');
  naming.putName(aName(name, [name], { ipv4: ipv4 as never }));
}
const sandboxes = new MemorySandboxes();
sandboxes.set(key, ['net-id']);
const resolver = await Resolver.open({
  runDir,
  stateDir,
  naming,
  sandboxes,
  version: 'test',
  log: pino({ level: 'silent' }),
  ttlOf: () => undefined,
  serversOf: () => serversOf(),
});
if (!(await resolver.ready(key as SandboxKey, 20_000))) process.exit(1);
process.stdout.write(`${resolver.status.process?.pid}\n`);
setInterval(() => undefined, 60_000);
