import type { Test } from 'tap';
import { until } from '../../lab/index.ts';
import type { Scene } from '../bridge/scene.ts';
import { withoutLinks } from './without-links.ts';

const PROJECT = `
version: "2.4"
services:
  web:
    image: lab:1
    stop_signal: SIGKILL
    command: ["sh", "-c", "mkdir -p /www && echo composed > /www/index.html && exec busybox httpd -f -p 80 -h /www"]
    networks: { shop: { aliases: [storefront] } }
    ports: ["8089:80"]
  client:
    image: lab:1
    stop_signal: SIGKILL
    command: ["sleep", "1000000"]
    networks: [shop]
    depends_on: [web]
networks:
  shop:
    driver: weft-bridge
    driver_opts: { com.docker.network.driver.mtu: "1400" }
    ipam:
      driver: weft
      config: [{ subnet: 10.223.1.0/24, gateway: 10.223.1.1 }]
`;

/** A Compose project of two services on a weft-bridge network with weft's IPAM, from up to down. */
export async function composeProject(t: Test, scene: Scene): Promise<void> {
  const { host, lan } = scene;
  const before = await withoutLinks(host, /^link w[bvc]-/);
  const folder = `${host.stateDir}/../shop`;
  await host.exec(['sh', '-c', 'mkdir -p "$1" && cat > "$1/docker-compose.yml"', 'sh', folder], {
    input: PROJECT,
  });
  const compose = async (...args: string[]) => {
    const argv = ['docker-compose', '--no-ansi', '-p', 'shop', '-f', `${folder}/docker-compose.yml`, ...args];
    const { code, stdout, stderr } = await host.tryExec(
      ['env', 'DOCKER_HOST=unix:///run/docker.sock', ...argv],
      { timeoutMs: 60_000 },
    );
    t.equal(code, 0, `docker-compose ${args.join(' ')}: ${code === 0 ? 'done' : stderr}`);
    return stdout;
  };
  await compose('up', '-d');
  const fetched = () => lan.exec(['curl', '-sSf', '-m', '5', `http://${host.ip}:8089/`]);
  t.equal(
    await until('the published port answers', fetched),
    'composed\n',
    'its port is reached from the LAN',
  );
  const client = await scene.docker.container('shop_client_1');
  for (const name of ['web', 'storefront']) {
    t.equal(
      await client.exec(['wget', '-qO-', `http://${name}/`]),
      'composed\n',
      `one service reaches the other as ${name}`,
    );
  }
  t.match(
    await client.netExec(['ip', '-o', 'link', 'show', 'eth0']),
    /mtu 1400/,
    'the network’s options hold',
  );
  await compose('down');
  const like = async () => {
    const now = await host.leaks();
    return now.length === before.length ? now : undefined;
  };
  t.same(await until('links are deleted', like).catch(() => host.leaks()), before, 'down leaves nothing');
  t.same(JSON.parse((await host.weft(['ipam', 'ls', '--json'])).stdout), [], 'no pool either');
}
