import type { Host } from '../../lab/index.ts';

/**
 * The same file on every host: `web` on each, `api` and `db` wherever they are started. `HOST` and `WEIGHT` in the
 * environment say which host it is, and what its `web` is to get.
 */
const PROJECT = `
version: "2.4"
services:
  web:
    image: lab:1
    container_name: web-\${HOST}
    stop_signal: SIGKILL
    command: ["sh", "-c", "mkdir -p /tmp/www && echo \${HOST} > /tmp/www/index.html && exec httpd -f -p 8080 -h /tmp/www"]
    networks: { app: { aliases: [storefront] } }
    labels:
      weft.service: shop
      weft.service.port: "80:8080"
      weft.service.weight: "\${WEIGHT}"
  api:
    image: lab:1
    stop_signal: SIGKILL
    command: ["sh", "-c", "mkdir -p /tmp/www && echo api > /tmp/www/index.html && exec httpd -f -p 80 -h /tmp/www"]
    networks: { app: { aliases: [backend, Old-API] } }
  db:
    image: lab:1
    stop_signal: SIGKILL
    command: ["sleep", "1000000"]
    networks: [app]
networks:
  app: { external: true }
`;

export interface ComposeSettings {
  readonly host: Host;
  readonly weight?: number;
}

/** Runs docker-compose on a host, for the project `mall`. @throws {CommandFailed} with its words when it fails. */
export async function compose({ host, weight = 1 }: ComposeSettings, ...args: string[]): Promise<void> {
  const folder = `${host.stateDir}/../mall`;
  const file = `${folder}/docker-compose.yml`;
  await host.exec(['sh', '-c', 'mkdir -p "$1" && cat > "$2"', 'sh', folder, file], { input: PROJECT });
  const settings = ['DOCKER_HOST=unix:///run/docker.sock', `HOST=${host.name}`, `WEIGHT=${weight}`];
  const argv = ['docker-compose', '--no-ansi', '-p', 'mall', '-f', file, ...args];
  await host.exec(['env', ...settings, ...argv], { timeoutMs: 60_000 });
}
