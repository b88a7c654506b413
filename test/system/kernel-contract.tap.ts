import '../support/own-namespace.ts';
import { execFileSync } from 'node:child_process';
import t from 'tap';
import type { Ip } from '../../core/address.ts';
import { openLinuxKernel } from '../../kernel/index.ts';
import { type KernelUnderTest, kernelContract } from '../contract/kernel.ts';

function ip(...args: string[]): string {
  return execFileSync('ip', args, { encoding: 'utf8' });
}

t.setTimeout(300_000);

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

t.test('LinuxKernel pathMtus() takes the MTU of a route before that of its link', async (test) => {
  await using linux = await subject();
  await linux.makeBridge('wide');
  ip('link', 'set', 'wide', 'up');
  ip('addr', 'add', '198.18.0.1/24', 'dev', 'wide');
  ip('addr', 'add', 'fd00:a::1/64', 'dev', 'wide', 'nodad');
  ip('route', 'add', '198.18.7.0/24', 'via', '198.18.0.2', 'mtu', '1300');
  ip('-6', 'route', 'add', 'fd00:b::/64', 'via', 'fd00:a::2', 'mtu', '1350');
  const to = ['198.18.7.9', '198.18.0.9', 'fd00:b::9', 'fd00:a::9', 'fd00:c::9'] as Ip[];
  test.same(await linux.kernel.pathMtus(to), [1300, 1500, 1350, 1500, undefined]);
});

for (const { name, run } of kernelContract) {
  t.test(`LinuxKernel ${name}`, async (test) => {
    await using linux = await subject();
    await run(linux);
    test.pass(name);
  });
}
