import type { DoctorFinding } from '../../core/control.ts';
import { keyOf, type LinkObject } from '../../core/kernel-objects.ts';
import { drivers } from '../../drivers/index.ts';
import { type Check, orOk } from './check.ts';
import type { DoctorParts } from './host-view.ts';
import { count } from './wording.ts';

const ID = 'bridges';
/** BR_MAX_PORTS of net/bridge/br_private.h is 1024, and port number 0 is not given. */
const MOST_PORTS = 1023;
const MANY_PORTS = 900;

/** The bridge of one network. */
export interface BridgeFacts {
  readonly label: string;
  readonly bridge: string;
  readonly state: 'up' | 'down' | 'missing' | 'foreign';
  /** Endpoints attached to it. */
  readonly ports: number;
}

export function judgeBridges(bridges: readonly BridgeFacts[]): readonly DoctorFinding[] {
  const findings = bridges.flatMap((facts) => [...judgeState(facts), ...judgePorts(facts)]);
  return orOk(findings, ID, 'Every bridge is there and up', count(bridges.length, 'bridge'));
}

const FAULTS: Readonly<Record<Exclude<BridgeFacts['state'], 'up'>, string>> = {
  down: 'is down',
  missing: 'is missing',
  foreign: 'is another kind of device',
};

function judgeState({ label, bridge, state }: BridgeFacts): readonly DoctorFinding[] {
  if (state === 'up') return [];
  return [
    {
      id: ID,
      level: 'fail',
      title: `The bridge ${bridge} of network ${label} ${FAULTS[state]}`,
      detail: 'weftd repairs this within a second, so either it has just happened or the kernel refuses',
      remedy:
        state === 'foreign'
          ? `Rename or remove the device ${bridge}: ip link set ${bridge} name OTHER`
          : 'weft drift shows what was repaired; journalctl -u weftd shows what was refused',
    },
  ];
}

function judgePorts({ label, bridge, ports }: BridgeFacts): readonly DoctorFinding[] {
  if (ports <= MANY_PORTS) return [];
  return [
    {
      id: ID,
      level: 'warn',
      title: `Network ${label} has ${ports} of ${MOST_PORTS} possible endpoints`,
      detail: `the kernel allows ${MOST_PORTS} ports on one bridge (${bridge})`,
      remedy: 'Put further containers in another network',
    },
  ];
}

export const bridges: Check = {
  id: ID,
  subject: 'the bridges of networks',
  run: async (host) => {
    const wanted = plannedBridges(host.parts);
    const names = new Set<string>([...wanted.values()].map(({ name }) => name));
    const found = await host.parts.kernel.snapshot([...wanted.values()], names);
    const networks = await host.networks();
    return judgeBridges(
      networks.flatMap(({ id, label, attached }): readonly BridgeFacts[] => {
        const plan = wanted.get(id);
        if (plan === undefined) return [];
        const object = found.get(keyOf(plan));
        const state = object?.kind === 'link' ? stateOf(object) : 'missing';
        return [{ label, bridge: plan.name, state, ports: attached }];
      }),
    );
  },
};

function stateOf(link: LinkObject): BridgeFacts['state'] {
  if (link.type !== 'bridge') return 'foreign';
  return link.down === true ? 'down' : 'up';
}

/** The bridges there should be, by network; those that are being made or deleted now are left out. */
function plannedBridges({ repository }: DoctorParts): ReadonlyMap<string, LinkObject> {
  const planned = new Map<string, LinkObject>();
  for (const network of repository.networks()) {
    if (repository.inFlight(network.request.id)) continue;
    for (const object of drivers.get(network.driver)?.planNetwork(network) ?? []) {
      if (object.kind === 'link' && object.type === 'bridge') planned.set(network.request.id, object);
    }
  }
  return planned;
}
