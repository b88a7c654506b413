import '../support/own-namespace.ts';
import { execFileSync } from 'node:child_process';
import t from 'tap';
import { openLinuxKernel } from '../../kernel/index.ts';
import { type KernelUnderTest, kernelContract } from '../contract/kernel.ts';

function ip(...args: string[]): string {
  return execFileSync('ip', args, { encoding: 'utf8' });
}

/** The process' own namespace, emptied: sysctls below /proc/sys are always its. */
function empty(): void {
  for (const { ifname } of JSON.parse(ip('-j', 'link')) as { ifname: string }[]) {
    if (ifname !== 'lo' && ip('-j', 'link').includes(`"${ifname}"`)) ip('link', 'delete', ifname);
  }
  execFileSync('nft', ['flush', 'ruleset']);
  execFileSync('sysctl', ['-q', '-w', 'net.ipv4.ip_forward=0']);
}

async function subject(): Promise<KernelUnderTest> {
  empty();
  const kernel = await openLinuxKernel({ log: () => undefined });
  return {
    kernel,
    makeBridge: async (name) => {
      ip('link', 'add', name, 'type', 'bridge');
    },
    setDown: async (name) => {
      ip('link', 'set', name, 'down');
    },
    [Symbol.asyncDispose]: () => kernel[Symbol.asyncDispose](),
  };
}

for (const { name, run } of kernelContract) {
  t.test(`LinuxKernel ${name}`, async (test) => {
    await using linux = await subject();
    await run(linux);
    test.pass(name);
  });
}
