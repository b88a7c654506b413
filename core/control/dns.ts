import { Type } from 'typebox';
import { count, list, resource, text, type View } from './schema.ts';

/** Part of a DnsAnswer. */
export const DnsRecordView = resource('DnsRecordView', 'One record of an answer.', {
  name: text('Whom it is about: what was asked for.'),
  type: Type.Enum(['A', 'AAAA', 'PTR', 'SRV']),
  ttl: count('Seconds for which it may be kept.'),
  data: text('As a zone file has it (RFC 1035 section 5.1): an address, a name, or 0 0 PORT NAME.'),
  network: text("The network's cluster-wide name, for an overlay network; otherwise its Docker id here."),
  networkName: Type.Optional(text('Network name, once known.')),
  from: text('Who has it: service web, or container web-1 on node h1.'),
});
export type DnsRecordView = View<typeof DnsRecordView>;

/** GET /v1/dns. */
export const DnsAnswer = resource(
  'DnsAnswer',
  'What weft itself answers; names it does not know go to Docker and on from there.',
  {
    name: text('What was asked for.'),
    types: list(Type.Enum(['A', 'AAAA', 'PTR', 'SRV']), 'Which records were looked for.'),
    known: Type.Boolean({
      description: 'Something on these networks has that name, perhaps without such a record.',
    }),
    records: list(DnsRecordView, 'By network, in the order a client gets them.'),
  },
);
export type DnsAnswer = View<typeof DnsAnswer>;
