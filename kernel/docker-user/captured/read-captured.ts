import { readFileSync } from 'node:fs';
import type { Family } from '../../../core/address.ts';
import { viewOf, type XtHooks } from '../xt-table.ts';

/** A filter table as the kernel gave it; the head of the file lists the rules that iptables-restore was fed. */
export function readCaptured(family: Family): { readonly blob: Uint8Array; readonly hooks: XtHooks } {
  const text = readFileSync(new URL(`filter-ipv${family}.hex`, import.meta.url), 'utf8');
  const [info = '', entries = ''] = text
    .replace(/^#.*\n/gm, '')
    .replace('info\n', '')
    .split('entries\n');
  const bytes = (hex: string) => new Uint8Array(Buffer.from(hex.replace(/\s/g, ''), 'hex'));
  const view = viewOf(bytes(info));
  const offsets = (start: number) => [0, 1, 2, 3, 4].map((hook) => view.getUint32(start + hook * 4, true));
  return { blob: bytes(entries), hooks: { hookEntry: offsets(36), underflow: offsets(56) } };
}
