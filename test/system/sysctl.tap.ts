import '../support/own-namespace.ts';
import { execFileSync } from 'node:child_process';
import t from 'tap';
import { readSysctls, writeSysctl } from '../../kernel/sysctl/index.ts';

const sysctl = (name: string) => execFileSync('sysctl', ['-n', name], { encoding: 'utf8' }).trim();
const FORWARD = 'net/ipv4/ip_forward';

t.test('what is written is what sysctl(8) and the next read see', async (t) => {
  t.same(await readSysctls([FORWARD]), new Map([[FORWARD, '0']]));
  await writeSysctl(FORWARD, '1');
  t.equal(sysctl('net.ipv4.ip_forward'), '1');
  t.same(await readSysctls([FORWARD]), new Map([[FORWARD, '1']]));
});

t.test('a sysctl of several fields is read with one space between them', async (t) => {
  await writeSysctl('net/ipv4/ip_local_port_range', '40000 50000');
  t.equal(sysctl('net.ipv4.ip_local_port_range'), '40000\t50000');
  const path = 'net/ipv4/ip_local_port_range';
  t.same(await readSysctls([path]), new Map([[path, '40000 50000']]));
});

t.test('a value the kernel refuses is EINVAL and changes nothing', async (t) => {
  await t.rejects(writeSysctl(FORWARD, 'maybe'), /write sysctl net\/ipv4\/ip_forward = "maybe": EINVAL/);
  t.equal(sysctl('net.ipv4.ip_forward'), '1');
});

t.test('those of a link come and go with it', async (t) => {
  const path = 'net/ipv4/conf/sysctl0/route_localnet';
  t.same(await readSysctls([path]), new Map([[path, undefined]]));
  execFileSync('ip', ['link', 'add', 'sysctl0', 'type', 'bridge']);
  await writeSysctl(path, '1');
  t.same(await readSysctls([path]), new Map([[path, '1']]));
  execFileSync('ip', ['link', 'del', 'sysctl0']);
  await t.rejects(writeSysctl(path, '1'), /ENOENT/);
});
