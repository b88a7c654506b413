import { type Ip, parseIp } from '../../core/address.ts';
import type { DnsAnswer, DnsRecordView } from '../../core/control.ts';
import { InvalidArgument } from '../../core/errors.ts';
import { quote } from '../../core/ids.ts';
import type { NamingView } from '../../core/naming.ts';
import { type NameTable, reverseName } from '../../discovery/index.ts';
import type { DnsQuery } from '../control/index.ts';
import type { KeyedNetwork } from './network-keys.ts';

type RecordType = DnsRecordView['type'];
type Answer = Exclude<ReturnType<NameTable['lookup']>, 'unknown'>[number];

/** What a question is about: the name as DNS has it, and the types to ask for. */
export interface Asked {
  readonly name: string;
  readonly types: readonly RecordType[];
}

/**
 * The question that a person means: an address is asked for by its reverse name.
 * @throws {InvalidArgument} for an address with another type than PTR.
 */
export function askedFor({ name, type }: Pick<DnsQuery, 'name' | 'type'>): Asked {
  const ip = addressOf(name);
  if (ip !== undefined) {
    if (type === undefined || type === 'PTR') return { name: reverseName(ip), types: ['PTR'] };
    throw new InvalidArgument(`type ${quote(type)} of an address: expected "PTR"`, { field: 'type' });
  }
  if (type !== undefined) return { name, types: [type] };
  if (/\.(in-addr|ip6)\.arpa\.?$/i.test(name)) return { name, types: ['PTR'] };
  return { name, types: name.startsWith('_') ? ['SRV'] : ['A', 'AAAA'] };
}

/** What the table answers on each of the networks. */
export function dnsAnswer(
  sources: { readonly table: Pick<NameTable, 'lookup'>; readonly naming: NamingView },
  networks: readonly KeyedNetwork[],
  { name, types }: Asked,
): DnsAnswer {
  let known = false;
  const records = networks.flatMap((network) => {
    const found = types.map((type) => sources.table.lookup([network.key], { name, type }));
    const answers = found.flatMap((each) => (each === 'unknown' ? [] : each));
    known ||= found.some((each) => each !== 'unknown');
    if (answers.length === 0) return [];
    const holders = holdersOn(sources.naming, network.key);
    return answers.map(
      (answer): DnsRecordView => ({
        name,
        type: answer.type,
        ttl: answer.ttl,
        data: dataText(answer),
        network: network.key,
        ...(network.name === undefined ? {} : { networkName: network.name }),
        from: holderOf(holders, answer),
      }),
    );
  });
  return { name, types, known, records };
}

function dataText(answer: Answer): string {
  switch (answer.type) {
    case 'A':
    case 'AAAA':
      return answer.ip;
    case 'PTR':
      return answer.target;
    case 'SRV':
      return `0 0 ${answer.port} ${answer.target}`;
  }
}

/** Who is who on a network, by address and by name: services before containers, as in answers. */
function holdersOn(naming: NamingView, network: string): ReadonlyMap<string, string> {
  const holders = new Map<string, string>();
  const add = (key: string | undefined, holder: string): void => {
    if (key !== undefined && !holders.has(key)) holders.set(key, holder);
  };
  for (const { name, vip4, vip6 } of naming.services(network)) {
    for (const key of [name, vip4, vip6]) add(key, `service ${name}`);
  }
  for (const { names, node, ipv4, ipv6, container } of naming.names(network)) {
    const [own = container.slice(0, 12)] = names;
    for (const key of [own, ipv4, ipv6]) add(key, `container ${own} on node ${node}`);
  }
  return holders;
}

/** A target may have its network's name after it, and both may have dots in them. */
function holderOf(holders: ReadonlyMap<string, string>, answer: Answer): string {
  let key: string = 'ip' in answer ? answer.ip : answer.target.toLowerCase();
  for (;;) {
    const holder = holders.get(key);
    if (holder !== undefined) return holder;
    const dot = 'ip' in answer ? -1 : key.lastIndexOf('.');
    if (dot < 1) return 'nobody any more';
    key = key.slice(0, dot);
  }
}

function addressOf(text: string): Ip | undefined {
  try {
    return parseIp(text, 'name');
  } catch (error) {
    if (error instanceof InvalidArgument) return undefined;
    throw error;
  }
}
