import type { KernelObject } from '../../core/kernel-objects.ts';
import { hostTable, shortcutTable } from '../../drivers/index.ts';
import { tableObject } from '../../kernel/index.ts';

/** Routing between links, without which no bridge reaches beyond itself. */
const FORWARDING: readonly KernelObject[] = [
  { kind: 'sysctl', path: 'net/ipv4/ip_forward', value: '1' },
  { kind: 'sysctl', path: 'net/ipv6/conf/all/forwarding', value: '1' },
];

/** What weft needs of the host whatever networks there are: forwarding, its table in both families, that of shortcuts. */
export function hostPlan(options: { readonly ipv6: boolean }): readonly KernelObject[] {
  const families = options.ipv6 ? ([4, 6] as const) : ([4] as const);
  return [
    ...FORWARDING.filter((each) => options.ipv6 || (each.kind === 'sysctl' && !each.path.includes('ipv6'))),
    ...families.map((family) => tableObject(hostTable(family))),
    tableObject(shortcutTable),
  ];
}
