import pino from 'pino';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { Ip } from '../../core/address.ts';
import { diff } from '../../core/diff.ts';
import { type NetworkId, parseNetworkId } from '../../core/ids.ts';
import { hostState } from '../../core/kernel-objects.ts';
import { KeyedMutex } from '../../core/keyed-mutex.ts';
import type { Network } from '../../core/model.ts';
import { drivers } from '../../drivers/index.ts';
import { aNetworkRequest, anEndpoint, aSubnet, NETWORK_ID } from '../../test/fakes/builders.ts';
import { FakeKernel } from '../../test/fakes/fake-kernel.ts';
import { MemoryShared, type MemoryView } from '../../test/fakes/memory-shared.ts';
import { MemoryStore } from '../../test/fakes/memory-store.ts';
import { hostPlan } from '../reconcile/index.ts';
import { Repository } from '../state/index.ts';
import { encodeClusterRecord, keys } from './records.ts';
import { TunnelEnds } from './tunnel-ends.ts';

const NET = parseNetworkId(NETWORK_ID);
const OTHER = parseNetworkId(NETWORK_ID.replace(/./g, 'b'));

/** A kernel whose routes are written down. */
class RoutedKernel extends FakeKernel {
  readonly ways = new Map<string, number>();
  override async pathMtus(to: readonly Ip[]): Promise<readonly (number | undefined)[]> {
    return to.map((ip) => this.ways.get(ip));
  }
}

let view: MemoryView;
let repository: Repository;
let kernel: RoutedKernel;
beforeEach(async () => {
  view = new MemoryShared().view();
  repository = await Repository.load(new MemoryStore());
  kernel = new RoutedKernel();
  await kernel.apply(diff(hostState(hostPlan({ ipv6: true })), new Map()));
});

function overlay(id: NetworkId, pool: string, underlayMtu = 1500): Network {
  const request = {
    ...aNetworkRequest({ options: {}, ipv4: [aSubnet(`${pool}.0/24`, `${pool}.1/24`)] }),
    id,
  };
  const options = drivers.get('weft-overlay')?.parseNetwork(request, { foreignLinks: new Map() }, []);
  const vni = 5000 + Number(pool.split('.')[1]);
  const tunnel = { name: id, id, vni, local: '192.0.2.1' as Ip, port: 4789, underlayMtu };
  return { driver: 'weft-overlay', request, options, tunnel, createdAt: 0 };
}

/** As it is when its host runs: stored, and in the kernel. */
async function make(network: Network): Promise<void> {
  await repository.putNetwork(network);
  const plan = drivers.get('weft-overlay')?.planNetwork(network) ?? [];
  await kernel.apply(diff(hostState(plan), new Map()));
}

async function member(name: string, address: string): Promise<void> {
  const record = { id: `id-${name}`, name, address: address as Ip, vxlanPort: 4789, joinedAt: 0 };
  await view.commit({ put: [{ key: keys.member(name), value: encodeClusterRecord('member', record) }] });
}

function ends(): TunnelEnds {
  return new TunnelEnds({
    repository,
    shared: view,
    drivers,
    kernel,
    locks: new KeyedMutex(),
    node: 'h1',
    end: { local: '192.0.2.1' as Ip, port: 4789, underlayMtu: 1500 },
    log: pino({ level: 'silent' }),
  });
}

const mtuOf = (id: NetworkId) => repository.network(id)?.tunnel?.underlayMtu;

describe('what fits into a tunnel', () => {
  test('is what the link takes while there is nobody else', async () => {
    await member('h1', '192.0.2.1');
    kernel.ways.set('192.0.2.1', 65_536);
    const alone = ends();
    await alone.renew();
    expect(alone.end.underlayMtu).toBe(1500);
  });

  test('is what the narrowest way takes, and a host without a way does not count', async () => {
    await member('h2', '192.0.2.2');
    await member('h3', '192.0.2.3');
    await member('h4', '192.0.2.4');
    kernel.ways.set('192.0.2.2', 1420).set('192.0.2.3', 1400);
    await repository.putNetwork(overlay(NET, '10.80.0'));
    const tunnels = ends();
    await tunnels.renew();
    expect(tunnels.end).toEqual({ local: '192.0.2.1', port: 4789, underlayMtu: 1400 });
    expect(mtuOf(NET)).toBe(1400);
  });

  test('is followed by the networks nobody uses, and by the others once nobody does', async () => {
    await member('h2', '192.0.2.2');
    kernel.ways.set('192.0.2.2', 1500);
    await make(overlay(NET, '10.80.0'));
    await make(overlay(OTHER, '10.81.0'));
    kernel.applied.length = 0;
    const { request, ...rest } = anEndpoint();
    const endpoint = { ...rest, request: { ...request, networkId: OTHER } };
    await repository.putEndpoint(endpoint);
    using tunnels = ends();
    await tunnels.renew();
    tunnels.start();
    kernel.ways.set('192.0.2.2', 1400).set('192.0.2.3', 1450);
    await member('h3', '192.0.2.3');
    await vi.waitFor(() => expect([mtuOf(NET), mtuOf(OTHER)]).toEqual([1400, 1500]));
    const vxlans = () =>
      kernel.applied.flatMap(({ object }) =>
        object.kind === 'link' && object.type === 'vxlan' ? [object.mtu] : [],
      );
    await vi.waitFor(() => expect(vxlans()).toEqual([1350]));
    await repository.deleteEndpoint(endpoint);
    await member('h3', '192.0.2.3');
    await vi.waitFor(() => expect(mtuOf(OTHER)).toBe(1400));
  });
});
