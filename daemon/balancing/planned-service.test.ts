import { expect, test } from 'vitest';
import type { Ip } from '../../core/address.ts';
import { aBackend } from '../../test/fakes/builders.ts';
import { GivenServices } from '../../test/support/given-services.ts';
import { type PlannedService, ServiceBook, servicesWithin } from './planned-service.ts';

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
  naming.set(service, [aBackend(1, { node: 'here' }), aBackend(2, { node: 'there' })]);
  const web = book.of('net').get('web');
  expect(keysIn(web, 'ring')).toEqual(['10.0.0.100 0 10.0.0.1']);
  expect(keysIn(web, 'connections')).toEqual(['10.0.0.100 10.0.0.1', '10.0.0.100 10.0.0.2']);
  naming.set(service, [aBackend(2, { node: 'there' })]);
  book.renew('net', 'web');
  expect(keysIn(book.of('net').get('web'), 'ring')).toEqual([]);
  expect(keysIn(book.of('net').get('web'), 'vips')).toEqual(['10.0.0.100']);
});
