import { deepEqual } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { attribute, decodeAttributes, joinBytes } from '../../kernel/nftables/attribute.ts';
import { batchBegin, batchEnd, decodeNftMessage } from '../../kernel/nftables/message.ts';

/** One message of a captured batch. */
export interface Message {
  readonly type: number;
  readonly payload: Uint8Array;
}

/** The messages of one captured batch, without its begin and end, which are checked here. */
export function captured(name: string): readonly Message[] {
  const text = readFileSync(new URL(`../golden/nftables/${name}.hex`, import.meta.url), 'utf8');
  const bytes = Buffer.from(text.replace(/^#.*$/gm, '').replace(/\s/g, ''), 'hex');
  const messages: Message[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUInt32LE(at);
    messages.push({ type: bytes.readUInt16LE(at + 4), payload: bytes.subarray(at + 16, at + length) });
    at += (length + 3) & ~3;
  }
  deepEqual(plain(messages.slice(0, 1)), plain([batchBegin()]));
  deepEqual(plain(messages.slice(-1)), plain([batchEnd()]));
  return messages.slice(1, -1);
}

/** Type and payload in hex; netlink flags are left out, for nft gives none where they do not matter. */
export function plain(messages: readonly Message[]): readonly string[] {
  return messages.map(({ type, payload }) => `${type} ${Buffer.from(payload).toString('hex')}`);
}

/** Where a message's attributes are. */
export function attributesOf(message: Message): Uint8Array {
  return decodeNftMessage(message).attributes;
}

/** nft also names a set by its number in the transaction, which is of use for a set made in the same one only. */
export function withoutSetIds({ type, payload }: Message): Message {
  const [EXPRESSIONS, SET_ID] = [4, 4];
  const isElements = type === 0x0a0c || type === 0x0a0e;
  const top = rawAttributes(payload.subarray(4));
  const kept = isElements
    ? top.filter(([number]) => number !== SET_ID)
    : top.map(([number, value]): RawAttribute => {
        if ((number & 0x3fff) !== EXPRESSIONS) return [number, value];
        return [number, rawJoin(rawAttributes(value).map(([n, expr]) => [n, withoutSuperfluous(expr)]))];
      });
  return { type, payload: joinBytes([payload.subarray(0, 4), rawJoin(kept)]) };
}

/** Attributes nft adds to an expression that say nothing: a lookup's set number, and that a mask is a mask. */
const SUPERFLUOUS: Readonly<Record<string, number>> = { lookup: 4, bitwise: 6, dynset: 2 };

function withoutSuperfluous(expr: Uint8Array): Uint8Array {
  const [name, data] = rawAttributes(expr);
  const kernelName = Buffer.from(name?.[1] ?? []).toString();
  const left = SUPERFLUOUS[kernelName.slice(0, -1)];
  if (name === undefined || data === undefined || left === undefined) return expr;
  return rawJoin([name, [data[0], rawJoin(rawAttributes(data[1]).filter(([number]) => number !== left))]]);
}

type RawAttribute = readonly [type: number, value: Uint8Array];

/** Attributes with the flag bits of their types. */
function rawAttributes(bytes: Uint8Array): readonly RawAttribute[] {
  const flags: number[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at < bytes.length; at += (view.getUint16(at, true) + 3) & ~3) {
    flags.push(view.getUint16(at + 2, true) & ~0x3fff);
  }
  return decodeAttributes(bytes).map(([type, value], index) => [type | (flags[index] ?? 0), value]);
}

function rawJoin(attributes: readonly RawAttribute[]): Uint8Array {
  return joinBytes(attributes.map(([type, value]) => attribute(type, value)));
}

const NFTA_SET_USERDATA = 13;

/** nft also stores how it would print a concatenation's type; it lists ours as well without. */
export function withoutUserdata({ type, payload }: Message): Message {
  const kept = decodeAttributes(payload.subarray(4)).filter(([number]) => number !== NFTA_SET_USERDATA);
  return {
    type,
    payload: joinBytes([payload.subarray(0, 4), ...kept.map(([number, value]) => attribute(number, value))]),
  };
}
