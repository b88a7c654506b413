import type { Host } from './host.ts';

/** VXLAN port of the Swarm: not 4789, so that another overlay can have that one on the same hosts. */
const DATA_PATH_PORT = 7789;
const MANAGEMENT_PORT = 2377;

/**
 * Joins hosts as a Docker Swarm, the first as its manager: what Docker's own overlay driver needs. Networks of it are
 * made on the manager, `attachable`, and known on the others once a container there uses them.
 * @throws {EngineRefused} when an engine does not want to.
 */
export async function joinSwarm([manager, ...workers]: readonly Host[]): Promise<void> {
  if (manager === undefined) return;
  const addresses = ({ ip }: Host) => ({
    ListenAddr: `${ip}:${MANAGEMENT_PORT}`,
    AdvertiseAddr: ip,
    DataPathAddr: ip,
  });
  await manager.docker.api.text({
    method: 'POST',
    path: '/swarm/init',
    // The default pool, 10.0.0.0/8, would take in everybody's subnets.
    json: {
      ...addresses(manager),
      DataPathPort: DATA_PATH_PORT,
      DefaultAddrPool: ['10.250.0.0/16'],
      SubnetSize: 24,
    },
  });
  const { JoinTokens } = await manager.docker.api.json<{ readonly JoinTokens: { readonly Worker: string } }>({
    method: 'GET',
    path: '/swarm',
  });
  for (const worker of workers) {
    const json = {
      ...addresses(worker),
      RemoteAddrs: [`${manager.ip}:${MANAGEMENT_PORT}`],
      JoinToken: JoinTokens.Worker,
    };
    await worker.docker.api.text({ method: 'POST', path: '/swarm/join', json });
  }
}
