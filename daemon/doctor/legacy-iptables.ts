import { readFile } from 'node:fs/promises';
import type { DoctorFinding } from '../../core/control.ts';
import { type Check, orOk } from './check.ts';

const ID = 'legacy-iptables';
const FILES = [
  ['iptables-legacy', '/proc/self/net/ip_tables_names'],
  ['ip6tables-legacy', '/proc/self/net/ip6_tables_names'],
] as const;

/** @param tables names of the tables of the old xtables, by the program that shows them. */
export function judgeLegacyTables(
  tables: readonly (readonly [program: string, names: readonly string[]])[],
): readonly DoctorFinding[] {
  const used = tables.filter(([, names]) => names.length > 0);
  if (used.length === 0) return orOk([], ID, 'No rules of iptables-legacy beside those of nf_tables');
  return [
    {
      id: ID,
      level: 'info',
      title: 'Tables of iptables-legacy are in use beside nf_tables',
      detail: used.map(([program, names]) => `${program}: ${names.join(', ')}`).join('; '),
      remedy: `Their rules apply as well, and nft does not show them. See ${used.map(([program]) => `${program} -S FORWARD`).join(' and ')}`,
    },
  ];
}

export const legacyIptables: Check = {
  id: ID,
  subject: 'iptables-legacy',
  run: async () =>
    judgeLegacyTables(
      await Promise.all(FILES.map(async ([program, file]) => [program, await readNames(file)] as const)),
    ),
};

async function readNames(file: string): Promise<readonly string[]> {
  try {
    return (await readFile(file, 'utf8')).split('\n').filter((name) => name !== '');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
