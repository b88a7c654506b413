import { readFileSync } from 'node:fs';

/** The bytes of a golden file; its first line says what made them. */
export function goldenHex(name: string): Uint8Array {
  const path = new URL(`../golden/netlink/${name}.hex`, import.meta.url);
  const [, ...lines] = readFileSync(path, 'utf8').split('\n');
  return Buffer.from(lines.join('').replace(/\s/g, ''), 'hex');
}
