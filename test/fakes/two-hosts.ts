import { afterEach, beforeEach } from 'vitest';
import { NamingCluster } from './naming-cluster.ts';
import type { NamingHost } from './naming-host.ts';

/** For a file of tests: each takes a new cluster with two hosts, h1 and h2, before it begins. */
export function twoHosts(take: (cluster: NamingCluster, h1: NamingHost, h2: NamingHost) => void): void {
  let cluster: NamingCluster;
  beforeEach(async () => {
    cluster = await NamingCluster.create();
    take(cluster, await cluster.host('h1'), await cluster.host('h2'));
  });
  afterEach(async () => {
    await cluster[Symbol.asyncDispose]();
  });
}
