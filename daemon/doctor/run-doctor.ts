import { setTimeout as delay } from 'node:timers/promises';
import type { DoctorFinding } from '../../core/control.ts';
import { errorMessage, Unavailable } from '../../core/errors.ts';
import { openTransport } from '../../kernel/netlink/index.ts';
import { bridgeNetfilter } from './bridge-netfilter.ts';
import { bridges } from './bridges.ts';
import type { Check } from './check.ts';
import { clusterNetworks } from './cluster-networks.ts';
import { clusterNodes } from './cluster-nodes.ts';
import { clusterStore } from './cluster-store.ts';
import { conntrackTable } from './conntrack-table.ts';
import { containerDns } from './container-dns.ts';
import { dhcpLeases } from './dhcp-leases.ts';
import { dockerEngine } from './docker-engine.ts';
import { dockerSubnets } from './docker-subnets.ts';
import { firewallManagers } from './firewall-managers.ts';
import { forwardRules } from './forward-chains/check.ts';
import { forwarding } from './forwarding.ts';
import { type DoctorParts, type HostView, viewHost } from './host-view.ts';
import { kernelFeatures } from './kernel-features.ts';
import { legacyIptables } from './legacy-iptables.ts';
import { mtu } from './mtu.ts';
import { neighbourTables } from './neighbour-tables.ts';
import { parentDevices } from './parent-devices.ts';
import { pluginSockets } from './plugin-sockets.ts';
import { pluginSpecs } from './plugin-specs.ts';
import { pools } from './pools.ts';
import { publishedOnLan } from './published-on-lan.ts';
import { records } from './records.ts';
import { resolver } from './resolver.ts';
import { reversePath } from './reverse-path.ts';
import { routeOverlaps } from './route-overlaps.ts';
import { services } from './services.ts';
import { storeRecords } from './store-records.ts';
import { strayLinks } from './stray-links.ts';

const NETLINK_NETFILTER = 12;
/** Less than the 30 s that the command line waits for all of them. */
const CHECK_MS = 20_000;

/** Every check, in the order of its findings. */
const CHECKS: readonly Check[] = [
  kernelFeatures,
  forwarding,
  bridgeNetfilter,
  reversePath,
  neighbourTables,
  conntrackTable,
  forwardRules,
  legacyIptables,
  firewallManagers,
  dockerEngine,
  pluginSockets,
  pluginSpecs,
  storeRecords,
  clusterStore,
  clusterNodes,
  clusterNetworks,
  records,
  strayLinks,
  bridges,
  mtu,
  parentDevices,
  publishedOnLan,
  routeOverlaps,
  dockerSubnets,
  pools,
  dhcpLeases,
  resolver,
  services,
  containerDns,
];

/**
 * Examines the host; changes nothing. Takes as long as the slowest check, 20 s at most.
 * @returns findings in a fixed order: one of level `ok` for each check that found nothing wrong. A check that could
 * not be made is a finding of level `warn` that says why.
 * @throws {KernelError} when no netlink socket can be opened.
 */
export async function runDoctor(parts: DoctorParts): Promise<readonly DoctorFinding[]> {
  await using netfilter = openTransport({ protocol: NETLINK_NETFILTER });
  const host = viewHost(parts, netfilter);
  const findings = await Promise.all(CHECKS.map((check) => runCheck(check, host)));
  return findings.flat();
}

async function runCheck(check: Check, host: HostView): Promise<readonly DoctorFinding[]> {
  const stop = new AbortController();
  try {
    return await Promise.race([check.run(host), timeout(stop.signal)]);
  } catch (error) {
    return [
      {
        id: check.id,
        level: 'warn',
        title: `Could not check ${check.subject}`,
        detail: errorMessage(error),
      },
    ];
  } finally {
    stop.abort();
  }
}

async function timeout(signal: AbortSignal): Promise<never> {
  try {
    await delay(CHECK_MS, undefined, { signal, ref: false });
  } catch (error) {
    // The check was faster, and nobody waits for this any more.
    if (!signal.aborted) throw error;
  }
  throw new Unavailable(`no answer within ${CHECK_MS / 1000} s`);
}
