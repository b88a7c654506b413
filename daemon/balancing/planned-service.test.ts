import { expect, test } from 'vitest';
import type { Ip } from '../../core/address.ts';
import type { EndpointId } from '../../core/ids.ts';
import type { Backend } from '../../core/service.ts';
import { GivenServices } from '../../test/support/given-services.ts';
import { type PlannedService, ServiceBook, servicesWithin } from './planned-service.ts';

function backend(n: number, node: string): Backend {
  const ipv4 = `10.0.0.${n}` as Ip;
  return { endpoint: `e${n}` as EndpointId, node, ipv4, weight: 1, state: 'ready' };
}

/** Keys of the elements in one set. */
function keysIn(planned: PlannedService | undefined, set: string): readonly string[] {
  return [...(planned?.elements.values() ?? [])].flatMap((element) =>
    element.set === set ? [[...element.key, ...(element.data ?? [])].join(' ')] : [],
  );
}

test('who reaches some backends only is led to these, and counts for all', () => {
  const naming = new GivenServices();
  const book = new ServiceBook(
    servicesWithin(naming, ({ node }) => node === 'here'),
    'connections',
  );
  const service = { network: 'net', name: 'web', ports: [], vip4: '10.0.0.100' as Ip };
  naming.set(service, [backend(1, 'here'), backend(2, 'there')]);
  const web = book.of('net').get('web');
  expect(keysIn(web, 'ring')).toEqual(['10.0.0.100 0 10.0.0.1']);
  expect(keysIn(web, 'connections')).toEqual(['10.0.0.100 10.0.0.1', '10.0.0.100 10.0.0.2']);
  naming.set(service, [backend(2, 'there')]);
  book.renew('net', 'web');
  expect(keysIn(book.of('net').get('web'), 'ring')).toEqual([]);
  expect(keysIn(book.of('net').get('web'), 'vips')).toEqual(['10.0.0.100']);
});
