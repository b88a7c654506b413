import type { NftVerdict } from '../../../core/nft.ts';
import type { DecodedExpr, OpaqueExpr } from '../../../kernel/nftables/index.ts';
import { decodeXtExtension, matchesFirstPacket, type XtExtension } from './xt-extension.ts';

/** The first packet of a connection, on its way through the host. */
export interface Probe {
  readonly from: string;
  readonly to: string;
  /** It came to a published port. */
  readonly translated: boolean;
}

/** What a rule does to the probe: `maybe` when its conditions look at more than a probe has. */
export interface RuleOutcome {
  readonly match: 'yes' | 'no' | 'maybe';
  /** Absent: the packet goes on. `unknown`: a verdict map decides. */
  readonly verdict?: NftVerdict | 'unknown';
}

/** Conntrack's word for the first packet: NF_CT_STATE_BIT(IP_CT_NEW), IPS_DST_NAT and IPS_DST_NAT_DONE. */
const STATE_NEW = 1 << 3;
const STATUS_TRANSLATED = (1 << 5) | (1 << 8);

/** Expressions that neither end the rule nor decide anything. */
const WITHOUT_EFFECT: ReadonlySet<string> = new Set(['log', 'objref', 'last', 'notrack', 'counter']);

type Registers = Map<number, Uint8Array>;

/** Evaluates one rule; expressions as in net/netfilter/nf_tables_core.c: nft_do_chain(). */
export function evaluateRule(exprs: readonly DecodedExpr[], probe: Probe): RuleOutcome {
  const registers: Registers = new Map();
  let match: 'yes' | 'maybe' = 'yes';
  for (const expr of exprs) {
    const step = evaluateExpr(expr, probe, registers);
    if (step === 'no') return { match: 'no' };
    if (step === 'maybe') match = 'maybe';
    else if (step !== 'yes') return { match, verdict: step };
  }
  return { match };
}

function evaluateExpr(
  expr: DecodedExpr,
  probe: Probe,
  registers: Registers,
): 'yes' | 'no' | 'maybe' | NftVerdict | 'unknown' {
  switch (expr.expr) {
    case 'meta':
    case 'ct':
    case 'payload':
    case 'fib':
    case 'immediate':
      load(registers, expr.dreg, loaded(expr, probe));
      return 'yes';
    case 'rt':
    case 'byteorder':
    case 'ct-address':
    case 'numgen':
    case 'hash':
      load(registers, expr.dreg, undefined);
      return 'yes';
    case 'tcp-option':
      load(registers, expr.dreg, undefined);
      return 'maybe';
    case 'bitwise':
      load(registers, expr.dreg, masked(registers.get(expr.sreg), expr));
      return 'yes';
    case 'cmp':
      return compare(registers.get(expr.sreg), expr);
    case 'lookup':
      if (expr.verdictMap === true) return 'unknown';
      if (expr.dreg !== undefined) load(registers, expr.dreg, undefined);
      return 'maybe';
    case 'verdict':
      return expr.verdict;
    case 'dynset':
      return 'maybe';
    case 'reject':
      return { kind: 'drop' };
    case 'opaque':
      return evaluateOpaque(expr, probe, registers);
    case 'meta-set':
    case 'tcp-option-set':
    case 'nat':
    case 'masquerade':
    case 'notrack':
    case 'counter':
    case 'fwd':
      return 'yes';
  }
}

function load(registers: Registers, register: number, value: Uint8Array | undefined): void {
  if (value === undefined) registers.delete(register);
  else registers.set(register, value);
}

function loaded(
  expr: Extract<DecodedExpr, { readonly expr: 'meta' | 'ct' | 'payload' | 'fib' | 'immediate' }>,
  probe: Probe,
): Uint8Array | undefined {
  if (expr.expr === 'immediate') return expr.data;
  if (expr.expr === 'meta') {
    if (expr.key === 'iifname') return nameBytes(probe.from);
    return expr.key === 'oifname' ? nameBytes(probe.to) : undefined;
  }
  if (expr.expr !== 'ct') return undefined;
  switch (expr.key) {
    case 'state':
      return hostOrder(STATE_NEW);
    case 'status':
      return hostOrder(probe.translated ? STATUS_TRANSLATED : 0);
    case 'direction':
      return Uint8Array.of(0);
    case 'mark':
      return undefined;
  }
}

/** IFNAMSIZ bytes, as nft_meta loads a name. */
function nameBytes(name: string): Uint8Array {
  const bytes = new Uint8Array(16);
  bytes.set(Buffer.from(name).subarray(0, 15));
  return bytes;
}

function hostOrder(value: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(value).buffer);
}

function masked(
  value: Uint8Array | undefined,
  { mask, xor }: { readonly mask: Uint8Array; readonly xor: Uint8Array },
): Uint8Array | undefined {
  if (value === undefined || value.length < mask.length) return undefined;
  return mask.map((bits, i) => ((value[i] ?? 0) & bits) ^ (xor[i] ?? 0));
}

type Cmp = Extract<DecodedExpr, { readonly expr: 'cmp' }>;

function compare(value: Uint8Array | undefined, { op, data }: Cmp): 'yes' | 'no' | 'maybe' {
  if (value === undefined || value.length < data.length) return 'maybe';
  const order = Buffer.compare(value.subarray(0, data.length), data);
  const holds: Readonly<Record<Cmp['op'], boolean>> = {
    eq: order === 0,
    neq: order !== 0,
    lt: order < 0,
    lte: order <= 0,
    gt: order > 0,
    gte: order >= 0,
  };
  return holds[op] ? 'yes' : 'no';
}

function evaluateOpaque(
  { name, data }: OpaqueExpr,
  probe: Probe,
  registers: Registers,
): 'yes' | 'no' | 'maybe' | NftVerdict | 'unknown' {
  // It may have loaded any register.
  registers.clear();
  // With a code that weft never gives.
  if (name === 'reject') return { kind: 'drop' };
  if (name === 'queue') return 'unknown';
  if (name === 'target') return decodeXtExtension(data).name === 'REJECT' ? { kind: 'drop' } : 'yes';
  if (name === 'match') return evaluateXtMatch(decodeXtExtension(data), probe);
  return WITHOUT_EFFECT.has(name) ? 'yes' : 'maybe';
}

function evaluateXtMatch(match: XtExtension, { translated }: Probe): 'yes' | 'no' | 'maybe' {
  if (match.name === 'conntrack') return matchesFirstPacket(match, translated);
  return match.name === 'comment' ? 'yes' : 'maybe';
}
