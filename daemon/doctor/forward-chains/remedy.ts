import type { ChainOutcome } from './evaluate-chain.ts';

/** Commands that let weft's traffic through a chain, in the words of the program that owns it. */
export function remedyFor({ table, chain, decidedIn }: ChainOutcome, bridges: ReadonlySet<string>): string {
  if (table.name === 'firewalld') return firewalldRemedy();
  const iptables = table.family === 'ip6' ? 'ip6tables' : 'iptables';
  if (table.family !== 'inet' && table.name === 'filter' && chain === 'FORWARD') {
    if (decidedIn === 'DOCKER-USER') {
      return (
        "a rule of the administrator's in DOCKER-USER drops it; if that is not meant, see " +
        `${iptables} -S DOCKER-USER and put before it ${accepts(bridges, `${iptables} -I DOCKER-USER`)}`
      );
    }
    const hasDockerUser = table.chains.some(({ name }) => name === 'DOCKER-USER');
    if (hasDockerUser) {
      return (
        'weft keeps accept rules in DOCKER-USER, which must come before any rule that drops: ' +
        `${iptables} -D FORWARD -j DOCKER-USER; ${iptables} -I FORWARD -j DOCKER-USER`
      );
    }
    return accepts(bridges, `${iptables} -I FORWARD`);
  }
  const insert = patterns(bridges, '*')
    .flatMap((name) => [`iifname "${name}"`, `oifname "${name}"`])
    .map((match) => `insert rule ${table.family} ${table.name} ${chain} ${match} accept`)
    .join('; ');
  return `nft '${insert}'`;
}

function accepts(bridges: ReadonlySet<string>, insert: string): string {
  return patterns(bridges, '+')
    .flatMap((name) => [`-i ${name}`, `-o ${name}`])
    .map((match) => `${insert} ${match} -j ACCEPT`)
    .join('; ');
}

/** Zone and policy as Docker makes them for itself (moby: libnetwork/internal/firewalld). */
export function firewalldRemedy(): string {
  return [
    'firewall-cmd --permanent --zone=trusted --add-interface=wb-+',
    'firewall-cmd --permanent --new-policy weft-forwarding',
    'firewall-cmd --permanent --policy weft-forwarding --add-ingress-zone ANY --add-egress-zone trusted',
    'firewall-cmd --permanent --policy weft-forwarding --set-target ACCEPT',
    'firewall-cmd --reload',
  ].join(' && ');
}

/** The bridges as interface patterns: all that weft names in one, the others each by name. */
function patterns(bridges: ReadonlySet<string>, wildcard: '+' | '*'): readonly string[] {
  const all = [...bridges].map((name) => (name.startsWith('wb-') ? `wb-${wildcard}` : name));
  return [...new Set(all)];
}
