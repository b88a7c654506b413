import type { DoctorFinding } from '../../core/control.ts';
import { KernelError } from '../../core/errors.ts';
import { TABLE } from '../../drivers/index.ts';
import { hasIpv6 } from '../../kernel/index.ts';
import { chainExists, getChains } from '../../kernel/nftables/index.ts';
import { type Check, orOk } from './check.ts';
import type { HostView } from './host-view.ts';
import { type Availability, judgeModule, moduleFacts, readModuleSources } from './kernel-modules.ts';

const ID = 'kernel';
/** NFNL_SUBSYS_CTNETLINK and IPCTNL_MSG_CT_GET_STATS: answers with one number, whatever the table holds. */
const CONNTRACK_STATS = (1 << 8) | 5;

/** One thing the kernel can do. */
export interface Feature extends Availability {
  readonly name: string;
  /** What does not work without it. */
  readonly loss: string;
  readonly optional?: true;
  readonly remedy: string;
}

export function judgeFeatures(features: readonly Feature[]): readonly DoctorFinding[] {
  const findings = features.flatMap((feature): readonly DoctorFinding[] => {
    if (feature.state === 'present') return [];
    const absent = feature.state === 'absent';
    const level = feature.optional === true ? 'info' : absent ? 'fail' : 'warn';
    const title = absent
      ? `The kernel lacks ${feature.name}: ${feature.loss}`
      : `Whether the kernel has ${feature.name} is unknown`;
    return [{ id: ID, level, title, detail: feature.evidence, remedy: feature.remedy }];
  });
  if (findings.some(({ level }) => level !== 'info')) return findings;
  const known = features.filter(({ state }) => state === 'present');
  const detail = known.map(({ name, evidence }) => `${name}: ${evidence}`).join('; ');
  return [...orOk([], ID, 'The kernel has what weft needs', detail), ...findings];
}

export const kernelFeatures: Check = {
  id: ID,
  subject: 'what the kernel can do',
  run: async (host) => {
    const [links, sources] = await Promise.all([host.links(), readModuleSources()]);
    const module = async (name: string): Promise<Availability> => {
      const inUse = links.some(({ type }) => type === name);
      return judgeModule(await moduleFacts(sources, name, name.toUpperCase(), inUse));
    };
    const load = (name: string): string =>
      `modprobe ${name}; if that fails, install the modules of the running kernel`;
    return judgeFeatures([
      {
        ...(await module('bridge')),
        name: 'bridges',
        loss: 'weft-bridge networks cannot be made',
        remedy: load('bridge'),
      },
      { ...(await module('veth')), name: 'veth pairs', loss: 'containers cannot join', remedy: load('veth') },
      {
        ...(await module('vxlan')),
        name: 'VXLAN',
        loss: 'networks over several hosts cannot be made',
        optional: true,
        remedy: load('vxlan'),
      },
      ...(await nftFeatures(host)),
      await conntrackFeature(host),
    ]);
  },
};

/** weft's own table is the witness: the kernel took it with its nat, masquerade, fib and map expressions. */
async function nftFeatures({ netfilter }: HostView): Promise<readonly Feature[]> {
  const families = (await hasIpv6()) ? (['ip', 'ip6'] as const) : (['ip'] as const);
  return Promise.all(
    families.map(async (family): Promise<Feature> => {
      const feature = {
        name: `nf_tables NAT (${family})`,
        loss: "weft's rules are not in force",
        remedy:
          'systemctl restart weftd, and see what it logs; modprobe nf_tables nft_chain_nat nft_masq nft_fib',
      };
      const refusal = await refusalOf(netfilter.dump(getChains(family)));
      if (refusal !== undefined) return { ...feature, state: 'absent', evidence: refusal };
      if (await chainExists(netfilter, family, TABLE, 'postrouting')) {
        return { ...feature, state: 'present', evidence: `table ${family} ${TABLE} is there` };
      }
      return { ...feature, state: 'unknown', evidence: `table ${family} ${TABLE} is missing` };
    }),
  );
}

async function conntrackFeature({ netfilter }: HostView): Promise<Feature> {
  const request = { type: CONNTRACK_STATS, flags: 0, payload: new Uint8Array(4) };
  const refusal = await refusalOf(netfilter.request(request, 'read conntrack statistics'));
  return {
    name: 'conntrack netlink',
    loss: 'old connections outlive their published port',
    remedy: 'modprobe nf_conntrack_netlink',
    ...(refusal === undefined
      ? { state: 'present', evidence: 'answers' }
      : { state: 'absent', evidence: refusal }),
  };
}

/** Why the kernel refused; undefined when it did not. */
async function refusalOf(asked: Promise<unknown>): Promise<string | undefined> {
  try {
    await asked;
    return undefined;
  } catch (error) {
    if (error instanceof KernelError) return error.message;
    throw error;
  }
}
