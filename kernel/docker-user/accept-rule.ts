import type { IfName } from '../../core/ids.ts';

/** Matches one interface, or with `wildcard` all whose name begins with `name` (`wb-+` in iptables' spelling). */
export interface IfPattern {
  readonly name: string;
  readonly wildcard: boolean;
}

/** One rule of weft's in DOCKER-USER; an absent side matches every interface. */
export interface AcceptRule {
  readonly in?: IfPattern;
  readonly out?: IfPattern;
  readonly verdict: 'accept' | 'return';
}

/** The chain that dockerd makes for the administrator's rules and jumps to before its own. */
export const CHAIN = 'DOCKER-USER';
/** The table it stands in, for both families. */
export const TABLE = 'filter';
/** Comment on every rule of weft's: `iptables -S DOCKER-USER` shows it as `--comment weft`. */
export const OWNER = 'weft';

const WEFT_BRIDGES: IfPattern = { name: 'wb-', wildcard: true };
const DOCKER_BRIDGES: readonly IfPattern[] = [
  { name: 'docker0', wildcard: false },
  { name: 'br-', wildcard: true },
];

/**
 * The rules weft needs, in chain order: what comes from a weft bridge towards one of Docker's own goes on through
 * Docker's rules, everything else from or to a weft bridge is accepted (weft's own tables have judged it before).
 *
 * A weft bridge that the user named `br-…` looks like one of Docker's. Its "towards it" rule is therefore placed
 * first: after the RETURN, even frames between two of its own ports would be dropped (bridge-nf-call-iptables).
 * @param bridges names of weft bridges beside `wb-…`; order and repetition do not matter.
 */
export function acceptRules(bridges: readonly IfName[]): readonly AcceptRule[] {
  const extra = [...new Set(bridges)]
    .filter((name) => !matches(WEFT_BRIDGES, name))
    .sort()
    .map((name): IfPattern => ({ name, wildcard: false }));
  const looksLikeDocker = ({ name }: IfPattern) => DOCKER_BRIDGES.some((pattern) => matches(pattern, name));
  const towards = (bridge: IfPattern): AcceptRule => ({ out: bridge, verdict: 'accept' });
  return [
    ...extra.filter(looksLikeDocker).map(towards),
    ...[WEFT_BRIDGES, ...extra].flatMap((bridge): readonly AcceptRule[] => [
      ...DOCKER_BRIDGES.map((docker): AcceptRule => ({ in: bridge, out: docker, verdict: 'return' })),
      { in: bridge, verdict: 'accept' },
      ...(looksLikeDocker(bridge) ? [] : [towards(bridge)]),
    ]),
  ];
}

function matches(pattern: IfPattern, name: string): boolean {
  return pattern.wildcard ? name.startsWith(pattern.name) : name === pattern.name;
}
