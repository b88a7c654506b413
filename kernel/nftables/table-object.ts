import type { TableObject } from '../../core/kernel-objects.ts';
import type { NftTable } from '../../core/nft.ts';
import { tableFingerprint } from './fingerprint.ts';

/** A table as plans name it, with its definition. */
export function tableObject(table: NftTable): TableObject & { readonly table: NftTable } {
  const { family, name } = table;
  return { kind: 'table', family, name, fingerprint: tableFingerprint(table), table };
}
