import type { NftChain, NftExpr, NftRule, NftSet, NftTable } from '../../core/nft.ts';
import { TYPE_FACTS } from '../../kernel/nftables/datatype.ts';
import { typesOfSet } from '../../kernel/nftables/set.ts';
import { formatVerdict } from '../../kernel/nftables/verdict.ts';
import { describeConstant, fieldName, tcpOptionName } from './describe-field.ts';

/**
 * A table in nearly the syntax of nft(8), for documents, logs and snapshots of tests. It is made from the plan, not
 * from the kernel, and is not meant to be fed to nft.
 */
export function describeTable(table: NftTable): string {
  const sets = new Map(table.sets.map((set) => [set.name, set]));
  const blocks = [...table.sets.map(describeSet), ...table.chains.map((chain) => describeChain(chain, sets))];
  const body = blocks.map((lines) => lines.map((line) => `\t${line}\n`).join('')).join('\n');
  return `table ${table.family} ${table.name} {\n${body}}\n`;
}

function describeSet({ name, key, data, interval, dynamic, counter }: NftSet): readonly string[] {
  const type = [key.join(' . '), ...(data ? [data.join(' . ')] : [])].join(' : ');
  return [
    `${data ? 'map' : 'set'} ${name} {`,
    `\ttype ${type}`,
    ...(interval ? ['\tflags interval'] : []),
    ...(dynamic ? ['\tflags dynamic,timeout'] : []),
    ...(counter ? ['\tcounter'] : []),
    '}',
  ];
}

function describeChain(
  { name, base, rules }: NftChain,
  sets: ReadonlyMap<string, NftSet>,
): readonly string[] {
  return [
    `chain ${name} {`,
    ...(base
      ? [`\ttype ${base.type} hook ${base.hook} priority ${base.priority}; policy ${base.policy};`]
      : []),
    ...rules.map((rule) => `\t${describeRule(rule, sets)}`),
    '}',
  ];
}

/** One rule with its comment; `sets` are those of its table. */
function describeRule(rule: NftRule, sets: ReadonlyMap<string, NftSet>): string {
  const registers = new Registers(sets);
  const words = rule.exprs.map((expr) => registers.run(expr)).filter((word) => word !== '');
  return [...words, `comment "${rule.comment}"`].join(' ');
}

/** Follows what each register holds, in words, from load to use. */
class Registers {
  readonly #words = new Map<number, string>();
  readonly #sets: ReadonlyMap<string, NftSet>;

  constructor(sets: ReadonlyMap<string, NftSet>) {
    this.#sets = sets;
  }

  /** What the expression adds to the rule's text: nothing for a load. */
  run(expr: NftExpr): string {
    switch (expr.expr) {
      case 'meta':
      case 'payload':
      case 'ct':
      case 'fib':
      case 'rt':
      case 'tcp-option':
      case 'ct-address':
      case 'numgen':
        return this.#load(expr.dreg, fieldName(expr));
      case 'hash':
        return this.#load(expr.dreg, `jhash ${this.#at(expr.sreg)} mod ${expr.modulus}`);
      case 'immediate':
        return this.#load(expr.dreg, describeConstant('', expr.data));
      case 'byteorder':
        return this.#load(expr.dreg, this.#at(expr.sreg));
      case 'bitwise':
        return this.#load(expr.dreg, this.#masked(expr));
      case 'cmp':
        return this.#compare(expr);
      case 'lookup':
        return this.#lookup(expr);
      case 'nat':
        return `${expr.type} to ${this.#nat(expr.addrReg, expr.portReg)}`;
      case 'meta-set':
        return `meta ${expr.key} set ${this.#at(expr.sreg)}`;
      case 'tcp-option-set':
        return `${tcpOptionName(expr)} set ${this.#at(expr.sreg)}`;
      case 'verdict':
        return formatVerdict(expr.verdict);
      case 'dynset':
        return this.#dynset(expr);
      case 'reject':
        return `reject with ${expr.with}`;
      case 'fwd':
        return `fwd to ${this.#at(expr.sreg)}`;
      case 'masquerade':
      case 'notrack':
      case 'counter':
        return expr.expr;
    }
  }

  #at(register: number): string {
    return this.#words.get(register) ?? `reg ${register}`;
  }

  #load(register: number, words: string): '' {
    this.#words.set(register, words);
    return '';
  }

  #masked({ sreg, mask, xor }: Extract<NftExpr, { expr: 'bitwise' }>): string {
    const changed = xor.some((byte) => byte !== 0) ? ` ^ ${describeConstant('', xor)}` : '';
    return `${this.#at(sreg)} & ${describeConstant(this.#at(sreg), mask)}${changed}`;
  }

  #compare({ sreg, op, data }: Extract<NftExpr, { expr: 'cmp' }>): string {
    const sign = { eq: '', neq: '!= ', lt: '< ', lte: '<= ', gt: '> ', gte: '>= ' }[op];
    return `${this.#at(sreg)} ${sign}${describeConstant(this.#at(sreg), data)}`;
  }

  #lookup({ set, sreg, dreg, invert, verdictMap }: Extract<NftExpr, { expr: 'lookup' }>): string {
    const definition = this.#sets.get(set);
    const key = definition ? this.#fields(typesOfSet(definition).key, sreg) : this.#at(sreg);
    if (verdictMap) return `${key} vmap @${set}`;
    if (dreg === undefined) return `${key} ${invert ? '!= ' : ''}@${set}`;
    const types = definition === undefined ? 'verdict' : typesOfSet(definition).data;
    // A datum of which nothing is known may have taken any register.
    if (types === undefined || types === 'verdict') this.#words.clear();
    else for (let i = 0; i < registersOf(types); i++) this.#words.delete(dreg + i);
    return this.#load(dreg, `${key} map @${set}`);
  }

  #dynset({ op, set, sreg, dataReg, timeoutMs }: Extract<NftExpr, { expr: 'dynset' }>): string {
    const definition = this.#sets.get(set);
    const key = definition ? this.#fields(typesOfSet(definition).key, sreg) : this.#at(sreg);
    const timeout = timeoutMs === undefined ? '' : ` timeout ${timeoutMs}ms`;
    const data = dataReg === undefined ? '' : ` : ${this.#at(dataReg)}`;
    return `${op} @${set} { ${key}${timeout}${data} }`;
  }

  #fields(types: readonly (keyof typeof TYPE_FACTS)[], first: number): string {
    let register = first;
    const words = types.map((type) => {
      const at = register;
      register += registersOf([type]);
      return this.#at(at);
    });
    return words.join(' . ');
  }

  #nat(address: number, port: number | undefined): string {
    const words = this.#at(address);
    // A port beside an address from one map lookup is a part of that lookup's datum.
    if (port === undefined || !this.#words.has(port)) return words;
    return `${words}:${this.#at(port)}`;
  }
}

/** How many 32-bit registers fields take. */
function registersOf(types: readonly (keyof typeof TYPE_FACTS)[]): number {
  return types.reduce((sum, type) => sum + Math.ceil(TYPE_FACTS[type].bytes / 4), 0);
}
