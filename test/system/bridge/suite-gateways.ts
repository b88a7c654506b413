import type { Test } from 'tap';
import type { Container, Machine } from '../../lab/index.ts';
import { addresses, key, linksOf } from './link-state.ts';
import { cannotReach, OTHER_PORT, pings, reaches, serverCommand } from './probe.ts';
import type { Suite } from './run-suite.ts';
import type { Scene } from './scene.ts';

/** What the LAN reaches by way of a route to the subnet over the host. */
async function gatewayModes(t: Test, scene: Scene): Promise<void> {
  const { host, lan } = scene;
  for (const mode of ['nat', 'nat-unprotected', 'routed'] as const) {
    const [four, six] = [scene.takeSubnet(), scene.takeSubnet6()];
    const options = { [key('bridge.gateway_mode_ipv4')]: mode, [key('bridge.gateway_mode_ipv6')]: mode };
    await scene.network(mode, { ipv6: true, subnets: [four, six], options });
    const server = await scene.server(`s-${mode}`, mode, { ports: ['8080:80'] });
    const { IPAddress, GlobalIPv6Address } = await server.endpoint();
    for (const { subnet } of [four, six]) await lan.route(subnet, host);
    const open = mode === 'nat-unprotected';
    for (const ip of [IPAddress, GlobalIPv6Address]) {
      const family = ip.includes(':') ? 'IPv6' : 'IPv4';
      await may(
        t,
        lan,
        ip,
        80,
        open || mode === 'routed',
        `${mode}, ${family}: the mapped port directly`,
        server.name,
      );
      await may(t, lan, ip, OTHER_PORT, open, `${mode}, ${family}: another port directly`, server.name);
      t.equal(await pings(lan, ip), mode !== 'nat', `${mode}, ${family}: echo`);
      const hostIp = family === 'IPv6' ? host.ip6 : host.ip;
      await may(t, lan, hostIp, 8080, mode !== 'routed', `${mode}, ${family}: the host’s port`, server.name);
    }
    await server.remove();
  }
}

async function may(
  t: Test,
  from: Machine | Container,
  ip: string,
  port: number,
  yes: boolean,
  what: string,
  name: string,
) {
  if (yes) await reaches(t, from, { ip, port, name }, `${what} is reached`);
  else await cannotReach(t, from, { ip, port }, `${what} is not reached`);
}

async function routedOut(t: Test, scene: Scene): Promise<void> {
  const { host, lan } = scene;
  const server = await lan.spawn(serverCommand().with(2, `export NAME=lan; ${serverCommand()[2]}`));
  const four = scene.takeSubnet();
  await scene.network('routed', {
    subnets: [four],
    options: { [key('bridge.gateway_mode_ipv4')]: 'routed' },
  });
  await lan.route(four.subnet, host);
  const ann = await scene.client('ann', 'routed');
  const peer = (await ann.endpoint()).IPAddress;
  await reaches(t, ann, { ip: lan.ip, name: 'lan', peer }, 'a routed network leaves with its own addresses');
  await server.stop();
}

async function isolatedMode(t: Test, scene: Scene): Promise<void> {
  const { host } = scene;
  const four = scene.takeSubnet();
  const options = { [key('bridge.gateway_mode_ipv4')]: 'isolated', [key('bridge.name')]: 'alone0' };
  await t.rejects(scene.network('open', { options }), /--internal/, 'mode isolated needs --internal');
  await scene.network('alone', { internal: true, subnets: [four], options });
  const ann = await scene.server('ann', 'alone');
  const bob = await scene.client('bob', 'alone');
  const { IPAddress } = await ann.endpoint();
  await reaches(t, bob, { ip: IPAddress, name: 'ann' }, 'among themselves');
  t.same(addresses((await linksOf(host, 'dev', 'alone0'))[0]), [], 'the host has no address there');
  await cannotReach(t, host, { ip: IPAddress }, 'the host does not reach it');
}

async function trustedInterfaces(t: Test, scene: Scene): Promise<void> {
  const { host, lan } = scene;
  const four = scene.takeSubnet();
  await scene.network('trusting', {
    subnets: [four],
    options: { [key('bridge.trusted_host_interfaces')]: 'eth0' },
  });
  const ann = await scene.server('ann', 'trusting', { ports: ['8080:80'] });
  await lan.route(four.subnet, host);
  const { IPAddress } = await ann.endpoint();
  await reaches(
    t,
    lan,
    { ip: IPAddress, name: 'ann' },
    'a published port directly, over a trusted interface',
  );
  await cannotReach(t, lan, { ip: IPAddress, port: OTHER_PORT }, 'a port that is not published');
}

async function ipv6Only(t: Test, scene: Scene): Promise<void> {
  const six = scene.takeSubnet6();
  const made = scene.network('six', { ipv4: false, ipv6: true, subnets: [six] });
  await made;
  const ann = await scene.server('ann', 'six', { ports: ['8080:80'] });
  const bob = await scene.client('bob', 'six');
  const { IPAddress, GlobalIPv6Address } = await ann.endpoint();
  const hasIpv4 = IPAddress !== '';
  t.equal(hasIpv4, scene.engine !== '28.5', 'Engine 28 can leave IPv4 out, older ones always give it');
  await reaches(t, bob, { ip: GlobalIPv6Address, name: 'ann' }, 'IPv6 among containers');
  await reaches(t, scene.lan, { ip: scene.host.ip6, port: 8080, name: 'ann' }, 'IPv6 from the LAN');
  await may(t, scene.lan, scene.host.ip, 8080, hasIpv4, 'its port over IPv4', 'ann');
}

/** Gateway modes, and which families a network has. */
export const gateways: Suite = {
  weftdArgs: ['--gc-grace', '5m'],
  tests: {
    'gateway modes nat, nat-unprotected and routed': gatewayModes,
    'gateway mode routed outwards': routedOut,
    'gateway mode isolated': isolatedMode,
    trusted_host_interfaces: trustedInterfaces,
    'IPv6 only': ipv6Only,
  },
};
