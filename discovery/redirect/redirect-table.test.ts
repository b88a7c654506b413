import { expect, test } from 'vitest';
import { describeTable } from '../../test/support/describe-table.ts';
import { redirectTable } from './redirect-table.ts';

test('the redirect of a sandbox', () => {
  expect(describeTable(redirectTable({ udp: 40_001, tcp: 40_002 }))).toMatchInlineSnapshot();
});
