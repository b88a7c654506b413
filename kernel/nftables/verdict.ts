import { DecodeError } from '../../core/errors.ts';
import type { NftVerdict } from '../../core/nft.ts';
import { attributeMap, attributeNest, attributeText, attributeU32, needText, needU32 } from './attribute.ts';

const NFTA_DATA_VERDICT = 2;
const NFTA_VERDICT_CODE = 1;
const NFTA_VERDICT_CHAIN = 2;

/** include/uapi/linux/netfilter.h: NF_DROP, NF_ACCEPT; nf_tables.h: enum nft_verdicts, as unsigned numbers. */
const CODES: Readonly<Record<NftVerdict['kind'], number>> = {
  drop: 0,
  accept: 1,
  jump: 0xfffffffd,
  goto: 0xfffffffc,
  return: 0xfffffffb,
};
const KINDS = new Map(Object.entries(CODES).map(([kind, code]) => [code, kind as NftVerdict['kind']]));

/** NFTA_DATA_VERDICT: the content of an immediate's or an element's data attribute. */
export function encodeVerdict(verdict: NftVerdict): Uint8Array {
  const code = attributeU32(NFTA_VERDICT_CODE, CODES[verdict.kind]);
  const chain = 'chain' in verdict ? [attributeText(NFTA_VERDICT_CHAIN, verdict.chain)] : [];
  return attributeNest(NFTA_DATA_VERDICT, [code, ...chain]);
}

/**
 * @param data content of a data attribute.
 * @returns undefined when it holds a value instead of a verdict.
 * @throws {DecodeError} for a verdict weft does not use (queue, continue, break) or a jump without a chain.
 */
export function decodeVerdict(data: Uint8Array): NftVerdict | undefined {
  const nested = attributeMap(data).get(NFTA_DATA_VERDICT);
  if (nested === undefined) return undefined;
  const map = attributeMap(nested);
  const code = needU32(map, NFTA_VERDICT_CODE, 'verdict');
  const kind = KINDS.get(code);
  switch (kind) {
    case 'accept':
    case 'drop':
    case 'return':
      return { kind };
    case 'jump':
    case 'goto':
      return { kind, chain: needText(map, NFTA_VERDICT_CHAIN, kind) };
    case undefined:
      throw new DecodeError(`verdict ${code | 0} is not known`);
  }
}

/** `accept`, `drop`, `return`, `jump NAME` or `goto NAME`. */
export function formatVerdict(verdict: NftVerdict): string {
  return 'chain' in verdict ? `${verdict.kind} ${verdict.chain}` : verdict.kind;
}

/** The reverse of `formatVerdict`; undefined for any other text. */
export function parseVerdict(text: string): NftVerdict | undefined {
  const [, plain, kind, chain] = /^(?:(accept|drop|return)|(jump|goto) (\S{1,255}))$/.exec(text) ?? [];
  if (plain === 'accept' || plain === 'drop' || plain === 'return') return { kind: plain };
  if ((kind === 'jump' || kind === 'goto') && chain !== undefined) return { kind, chain };
  return undefined;
}
