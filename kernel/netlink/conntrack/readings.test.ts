import { describe, expect, test } from 'vitest';
import type { FlowFilter } from '../../../core/ports.ts';
import { readingsFor } from './readings.ts';

const MANY = 5000;
const flow = (more: object): FlowFilter => ({ family: 4, protocol: 'udp', ...more }) as FlowFilter;

describe('readings of conntrack entries', () => {
  test('one filter is read as it is', () => {
    const one = flow({ originalPort: 53, replySource: '10.0.0.2', replyPort: 5353 });
    expect(readingsFor([one], MANY)).toEqual([one]);
    expect(readingsFor([], MANY)).toEqual([]);
  });

  test('all protocols between two addresses are one reading', () => {
    const pair = { originalDestination: '10.0.0.1', replySource: '10.0.0.2' };
    const filters = [
      flow({ ...pair, protocol: 'icmp' }),
      flow({ ...pair, protocol: 'tcp', originalPort: 80, unanswered: true }),
      flow({ ...pair, originalPort: 53 }),
    ];
    expect(readingsFor(filters, MANY)).toEqual([{ family: 4, ...pair }]);
  });

  test('of IPv6, whose addresses the kernel does not compare, each protocol and port is one', () => {
    const six = (from: string, more: object) =>
      flow({ family: 6, originalDestination: 'fd00::1', replySource: from, ...more });
    const filters = ['fd00::2', 'fd00::3'].flatMap((from) => [
      six(from, { protocol: 'icmp' }),
      six(from, { protocol: 'tcp', originalPort: 80 }),
    ]);
    expect(readingsFor(filters, MANY)).toEqual([
      { family: 6, protocol: 'icmp', originalDestination: 'fd00::1' },
      { family: 6, protocol: 'tcp', originalDestination: 'fd00::1', originalPort: 80 },
    ]);
  });

  test('where there are few entries, all of them are one reading, and where there are none, nothing is', () => {
    const filters = [flow({}), flow({ family: 6 })];
    expect(readingsFor(filters, MANY)).toEqual(filters);
    expect(readingsFor(filters, 1000)).toEqual([{}]);
    expect(readingsFor([flow({})], 1000)).toEqual([flow({})]);
    expect(readingsFor(filters, 0)).toEqual([]);
  });

  test('many are one reading of what they have in common', () => {
    const ports = [1, 2, 3, 4, 5].map((originalPort) => flow({ originalPort }));
    expect(readingsFor(ports, MANY)).toEqual([{ family: 4, protocol: 'udp' }]);
    expect(readingsFor([...ports, flow({ protocol: 'tcp' })], MANY)).toEqual([{ family: 4 }]);
  });
});
