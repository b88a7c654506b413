import { readdirSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DecodeError } from '../../core/errors.ts';
import { goldenHex } from '../../test/support/golden-hex.ts';
import { decodeAddress, encodeAddress } from './address.ts';
import { decodeEntry, decodeTuple } from './conntrack/tuple.ts';
import { decodeLink, encodeLink } from './link/message.ts';
import { decodeMessages, encodeMessages } from './message.ts';
import { decodeNeighbour, encodeNeighbour } from './neighbour.ts';
import { NLM_F } from './netlink-header.ts';
import { decodeNextHops, decodeRoute, encodeRoute } from './route.ts';
import { RTM } from './rtnetlink.ts';

type Decoded = { readonly header: object; readonly fields: object };
type Codec = {
  readonly decode: (bytes: Uint8Array) => Decoded;
  readonly encode: (h: object, f: object) => Uint8Array;
};
const link: Codec = { decode: decodeLink, encode: encodeLink };
const address: Codec = { decode: decodeAddress, encode: encodeAddress };
const route: Codec = { decode: decodeRoute, encode: encodeRoute };
const neighbour: Codec = { decode: decodeNeighbour, encode: encodeNeighbour };

const ACK = NLM_F.NLM_F_REQUEST | NLM_F.NLM_F_ACK;
const CREATE = ACK | NLM_F.NLM_F_CREATE | NLM_F.NLM_F_EXCL;
const REPLACE = ACK | NLM_F.NLM_F_CREATE | NLM_F.NLM_F_REPLACE;
const APPEND = ACK | NLM_F.NLM_F_CREATE | NLM_F.NLM_F_APPEND;
const NO_HEADER = { family: 0, type: 0, index: 0, flags: 0, change: 0 };

interface Golden {
  readonly codec: Codec;
  readonly type: number;
  readonly flags: number;
  /** Header fields other than 0. */
  readonly header: object;
  readonly fields: object;
}

const GOLDEN: Readonly<Record<string, Golden>> = {
  'bridge-create': {
    codec: link,
    type: RTM.RTM_NEWLINK,
    flags: CREATE,
    header: {},
    fields: {
      address: '02:00:00:00:00:01',
      mtu: 1400,
      name: 'wb-x',
      info: { kind: 'bridge', bridge: { forwardDelay: 0, multicastSnooping: 0 } },
    },
  },
  'veth-create': {
    codec: link,
    type: RTM.RTM_NEWLINK,
    flags: CREATE,
    header: {},
    fields: {
      mtu: 1400,
      name: 'wv-x',
      info: {
        kind: 'veth',
        veth: { peer: { header: NO_HEADER, address: '02:00:00:00:00:02', mtu: 1400, name: 'wc-x' } },
      },
    },
  },
  'vxlan-create': {
    codec: link,
    type: RTM.RTM_NEWLINK,
    flags: CREATE,
    header: {},
    fields: {
      name: 'wx-x',
      info: {
        kind: 'vxlan',
        vxlan: {
          link: 2,
          udpChecksum: 1,
          ttl: 64,
          df: 1,
          id: 42,
          local: '192.0.2.1',
          learning: 0,
          port: 4789,
        },
      },
    },
  },
  'vxlan6-create': {
    codec: link,
    type: RTM.RTM_NEWLINK,
    flags: CREATE,
    header: {},
    fields: {
      name: 'wx-x',
      info: { kind: 'vxlan', vxlan: { id: 16777215, local6: 'fd00::1', learning: 0, port: 4789 } },
    },
  },
  'vxlan-checksums': {
    codec: link,
    type: RTM.RTM_NEWLINK,
    flags: CREATE,
    header: {},
    fields: {
      mtu: 1400,
      master: 3,
      name: 'wx-x',
      info: {
        kind: 'vxlan',
        vxlan: {
          udpChecksum: 1,
          udpZeroChecksum6Tx: 0,
          udpZeroChecksum6Rx: 0,
          id: 42,
          local: '192.0.2.1',
          learning: 0,
          port: 4789,
        },
      },
    },
  },
  'vxlan-local': {
    codec: link,
    type: RTM.RTM_NEWLINK,
    flags: ACK,
    header: { index: 4 },
    fields: { info: { kind: 'vxlan', vxlan: { local: '192.0.2.9', learning: 0 } } },
  },
  'bridge-slave-tunnel': {
    codec: link,
    type: RTM.RTM_NEWLINK,
    flags: ACK,
    header: { index: 4 },
    fields: {
      info: {
        kind: 'bridge_slave',
        slaveData: Buffer.from(
          '05000400000000000500080000000000050009000000000005001b000000000005001e000000000005002000010000000500210000000000',
          'hex',
        ),
      },
    },
  },
  'macvlan-create': {
    codec: link,
    type: RTM.RTM_NEWLINK,
    flags: CREATE,
    header: {},
    fields: { link: 2, name: 'm0', info: { kind: 'macvlan', macvlan: { mode: 4 } } },
  },
  'ipvlan-create': {
    codec: link,
    type: RTM.RTM_NEWLINK,
    flags: CREATE,
    header: {},
    fields: { link: 2, name: 'i0', info: { kind: 'ipvlan', ipvlan: { mode: 2, flags: 1 } } },
  },
  'vlan-create': {
    codec: link,
    type: RTM.RTM_NEWLINK,
    flags: CREATE,
    header: {},
    fields: { link: 2, name: 'p.50', info: { kind: 'vlan', vlan: { id: 50 } } },
  },
  'link-alias': {
    codec: link,
    type: RTM.RTM_NEWLINK,
    flags: ACK,
    header: { index: 4 },
    fields: { alias: 'weft:abc' },
  },
  'link-master-up': {
    codec: link,
    type: RTM.RTM_NEWLINK,
    flags: ACK,
    header: { index: 4, flags: 1, change: 1 },
    fields: { master: 2 },
  },
  'link-group': {
    codec: link,
    type: RTM.RTM_NEWLINK,
    flags: ACK,
    header: { index: 4 },
    fields: { group: 7 },
  },
  'link-addrgenmode': {
    codec: link,
    type: RTM.RTM_NEWLINK,
    flags: ACK,
    header: { index: 4 },
    fields: { afSpec: { inet6: { addrGenMode: 1 } } },
  },
  'bridge-slave-isolated': {
    codec: link,
    type: RTM.RTM_NEWLINK,
    flags: ACK,
    header: { index: 4 },
    fields: {
      info: {
        kind: 'bridge_slave',
        slaveData: Buffer.from('0500210001000000050008000000000005002000 01000000'.replace(' ', ''), 'hex'),
      },
    },
  },
  'bridge-port-isolated': {
    codec: link,
    type: RTM.RTM_SETLINK,
    flags: ACK,
    header: { family: 7, index: 4 },
    fields: { bridgePort: { learning: 0, neighSuppress: 1, isolated: 1 } },
  },
  'group-delete': { codec: link, type: RTM.RTM_DELLINK, flags: ACK, header: {}, fields: { group: 7 } },
  'address4-add': {
    codec: address,
    type: RTM.RTM_NEWADDR,
    flags: CREATE,
    header: { family: 2, prefix: 24, index: 2 },
    fields: { local: '198.18.0.1', address: '198.18.0.1' },
  },
  'address4-del': {
    codec: address,
    type: RTM.RTM_DELADDR,
    flags: ACK,
    header: { family: 2, prefix: 24, index: 2 },
    fields: { local: '198.18.0.1', address: '198.18.0.1' },
  },
  'address6-add': {
    codec: address,
    type: RTM.RTM_NEWADDR,
    flags: CREATE,
    header: { family: 10, prefix: 64, flags: 2, index: 2 },
    fields: { local: 'fd00::1', address: 'fd00::1' },
  },
  'route4-add': {
    codec: route,
    type: RTM.RTM_NEWROUTE,
    flags: CREATE,
    header: { family: 2, destinationPrefix: 24, table: 254, protocol: 119, type: 1 },
    fields: { destination: '198.18.9.0', gateway: '198.18.0.9', oif: 2 },
  },
  'route4-table': {
    codec: route,
    type: RTM.RTM_NEWROUTE,
    flags: CREATE,
    header: { family: 2, destinationPrefix: 24, protocol: 3, scope: 253, type: 1 },
    fields: { destination: '198.18.9.0', table: 1000, priority: 5, oif: 2 },
  },
  'route6-default': {
    codec: route,
    type: RTM.RTM_NEWROUTE,
    flags: CREATE,
    header: { family: 10, table: 254, protocol: 3, type: 1 },
    fields: { destination: '::', gateway: 'fd00::9', oif: 2 },
  },
  'neighbour4-add': {
    codec: neighbour,
    type: RTM.RTM_NEWNEIGH,
    flags: REPLACE,
    header: { family: 2, index: 2, state: 0x80 },
    fields: { destination: '198.18.0.5', address: '02:00:00:00:00:05' },
  },
  'neighbour6-add': {
    codec: neighbour,
    type: RTM.RTM_NEWNEIGH,
    flags: REPLACE,
    header: { family: 10, index: 2, state: 0x80 },
    fields: { destination: 'fd00::5', address: '02:00:00:00:00:05' },
  },
  'fdb-port-static': {
    codec: neighbour,
    type: RTM.RTM_NEWNEIGH,
    flags: REPLACE,
    header: { family: 7, index: 4, state: 0x42, flags: 4 },
    fields: { address: '02:00:00:00:00:77' },
  },
  'fdb-vxlan': {
    codec: neighbour,
    type: RTM.RTM_NEWNEIGH,
    flags: REPLACE,
    header: { family: 7, index: 2, state: 0xc0, flags: 2 },
    fields: { address: '02:00:00:00:00:77', destination: '192.0.2.2' },
  },
  'fdb-vxlan-del': {
    codec: neighbour,
    type: RTM.RTM_DELNEIGH,
    flags: ACK,
    header: { family: 7, index: 4, state: 0xc0, flags: 2 },
    fields: { address: '00:00:00:00:00:00', destination: '192.0.2.2' },
  },
  'fdb-vxlan-flood4': {
    codec: neighbour,
    type: RTM.RTM_NEWNEIGH,
    flags: APPEND,
    header: { family: 7, index: 4, state: 0xc0, flags: 2 },
    fields: { address: '00:00:00:00:00:00', destination: '192.0.2.2' },
  },
  'fdb-port-del': {
    codec: neighbour,
    type: RTM.RTM_DELNEIGH,
    flags: ACK,
    header: { family: 7, index: 4, state: 0xc0, flags: 4 },
    fields: { address: '02:00:00:00:00:77' },
  },
  'neighbour4-del': {
    codec: neighbour,
    type: RTM.RTM_DELNEIGH,
    flags: ACK,
    header: { family: 2, index: 3, state: 0x80 },
    fields: { destination: '198.18.0.5' },
  },
  'fdb-vxlan-flood6': {
    codec: neighbour,
    type: RTM.RTM_NEWNEIGH,
    flags: APPEND,
    header: { family: 7, index: 2, state: 0xc0, flags: 2 },
    fields: { address: '00:00:00:00:00:00', destination: '192.0.2.3', port: 4790, vni: 43 },
  },
};

function nonZero(header: object): object {
  return Object.fromEntries(Object.entries(header).filter(([, value]) => value !== 0));
}

describe('messages of iproute2', () => {
  test('every golden file has an expectation', () => {
    const files = readdirSync(new URL('../../test/golden/netlink/', import.meta.url));
    expect(files.map((file) => file.replace('.hex', '')).sort()).toEqual(Object.keys(GOLDEN).sort());
  });

  test.each(Object.entries(GOLDEN))('%s is read, and written to the same bytes', (name, golden) => {
    const bytes = goldenHex(name);
    const [message, ...rest] = decodeMessages(bytes);
    expect(rest).toEqual([]);
    expect([message?.type, message?.flags]).toEqual([golden.type, golden.flags]);
    const decoded = golden.codec.decode(message?.payload ?? new Uint8Array());
    expect(nonZero(decoded.header)).toEqual(golden.header);
    expect(decoded.fields).toEqual(golden.fields);
    const payload = golden.codec.encode(golden.header, golden.fields);
    const again = encodeMessages([{ type: golden.type, flags: golden.flags, payload }], message?.seq ?? 0);
    expect(Buffer.from(again).toString('hex')).toBe(Buffer.from(bytes).toString('hex'));
  });
});

describe('decoders of damaged bytes', () => {
  const decoders: Readonly<Record<string, (bytes: Uint8Array) => unknown>> = {
    message: decodeMessages,
    link: decodeLink,
    address: decodeAddress,
    route: decodeRoute,
    neighbour: decodeNeighbour,
    'conntrack entry': decodeEntry,
    'conntrack tuple': decodeTuple,
    'next hops': decodeNextHops,
  };
  const damaged = fc
    .record({
      name: fc.constantFrom(...Object.keys(GOLDEN)),
      edits: fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 6 }),
      cut: fc.nat(40),
      from: fc.constantFrom(0, 16),
    })
    .map(({ name, edits, cut, from }) => {
      const bytes = Uint8Array.from(goldenHex(name));
      for (const [at, value] of edits) bytes[at % bytes.length] = value;
      return bytes.subarray(from, Math.max(from, bytes.length - cut));
    });

  test.each(Object.entries(decoders))('%s: a value or DecodeError', (_name, decode) => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), damaged), (bytes) => {
        try {
          decode(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(DecodeError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
