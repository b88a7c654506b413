import { expect, test } from 'vitest';
import { hostTable } from '../drivers/index.ts';
import { describeTable } from './support/describe-table.ts';

test.each([4, 6] as const)('the whole ruleset of IPv%i, as nft would print it', async (family) => {
  await expect(describeTable(hostTable(family))).toMatchFileSnapshot(`golden/host-table-ipv${family}.nft`);
});
