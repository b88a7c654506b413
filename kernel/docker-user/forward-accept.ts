import type { IfName } from '../../core/ids.ts';
import type { ForwardAccept } from '../../core/ports.ts';
import { openTransport } from '../netlink/index.ts';
import { type AcceptRule, acceptRules, CHAIN } from './accept-rule.ts';
import { LegacyChain } from './legacy-chain.ts';
import { NftChain } from './nft-chain.ts';

const NETLINK_NETFILTER = 12;

/** One place where a DOCKER-USER chain may be. */
interface Place {
  /** As `ensure` reports it: `ip nft DOCKER-USER`. */
  readonly name: string;
  readonly set: (rules: readonly AcceptRule[]) => Promise<boolean>;
}

/** The port, and a look at what the kernel does not tell. */
interface WatchedForwardAccept extends ForwardAccept {
  /** Whether a legacy table was changed since the last `ensure`, by its size. Cheap; for a look every second. */
  resized(): boolean;
}

/**
 * Keeper of weft's rules in all four places: ip and ip6, nf_tables and xtables. What does not exist is never made.
 * @param options.namespace namespace file; absent: the process' own.
 * @throws {KernelError} when the nfnetlink socket cannot be opened.
 */
export async function openForwardAccept(
  options: { readonly namespace?: string } = {},
): Promise<WatchedForwardAccept> {
  const { namespace } = options;
  const transport = await openTransport({
    protocol: NETLINK_NETFILTER,
    ...(namespace === undefined ? {} : { namespace }),
  });
  const nft4 = new NftChain(transport, 'ip');
  const nft6 = new NftChain(transport, 'ip6');
  const legacy4 = new LegacyChain(4, namespace);
  const legacy6 = new LegacyChain(6, namespace);
  const places: readonly Place[] = [
    { name: `ip nft ${CHAIN}`, set: (rules) => nft4.set(rules) },
    { name: `ip6 nft ${CHAIN}`, set: (rules) => nft6.set(rules) },
    { name: `ip legacy ${CHAIN}`, set: (rules) => legacy4.set(rules) },
    { name: `ip6 legacy ${CHAIN}`, set: (rules) => legacy6.set(rules) },
  ];
  let last: Promise<unknown> = Promise.resolve();
  // Two looks before two changes would both find the rules missing, and both add them.
  const inTurn = <T>(act: () => Promise<T>): Promise<T> => {
    const turn = last.then(act);
    last = turn.catch(() => {});
    return turn;
  };
  return {
    ensure: (bridges: readonly IfName[]) => inTurn(() => setEverywhere(places, acceptRules(bridges))),
    resized: () => legacy4.resized() || legacy6.resized(),
    remove: async () => {
      await inTurn(() => setEverywhere(places, []));
    },
    [Symbol.asyncDispose]: async () => {
      await last;
      legacy4[Symbol.dispose]();
      legacy6[Symbol.dispose]();
      await transport[Symbol.asyncDispose]();
    },
  };
}

/** Tries every place before it throws: IPv4 must not wait for what is wrong with IPv6. */
async function setEverywhere(
  places: readonly Place[],
  rules: readonly AcceptRule[],
): Promise<readonly string[]> {
  const results = await Promise.allSettled(places.map(({ set }) => set(rules)));
  const errors = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
  if (errors.length === 1) throw errors[0];
  if (errors.length > 1) throw new AggregateError(errors, `set weft's rules in ${CHAIN}`);
  return places.filter((_, index) => isTrue(results[index])).map(({ name }) => name);
}

function isTrue(result: PromiseSettledResult<boolean> | undefined): boolean {
  return result?.status === 'fulfilled' && result.value;
}
