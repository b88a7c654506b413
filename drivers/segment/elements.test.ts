import { expect, test } from 'vitest';
import { parseIp } from '../../core/address.ts';
import { renderPlan } from '../../test/support/render-plan.ts';
import { planTunnelSenders } from './elements.ts';

const ip = (text: string) => parseIp(text, 'ip');

test.each([
  ['192.0.2.1', [], ['element ip weft tunnel-ports 4789']],
  ['2001:db8::1', [], ['element ip6 weft tunnel-ports 4789']],
  [
    '192.0.2.1',
    ['192.0.2.2', '2001:db8::3', '192.0.2.4'],
    [
      'element ip weft tunnel-ports 4789',
      'element ip weft tunnel-ends 192.0.2.2',
      'element ip weft tunnel-ends 192.0.2.4',
    ],
  ],
])('tunnels at %s let in %j of their own family', (local, senders, lines) => {
  const plan = planTunnelSenders({ local: ip(local), port: 4789 }, senders.map(ip));
  expect(renderPlan(plan)).toEqual(lines);
});
