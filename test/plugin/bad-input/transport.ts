import {
  type BadInput,
  body,
  ENDPOINT_ID,
  GENERIC,
  METHODS,
  NETWORK_ID,
  PORT_MAP,
  socketOf,
  VALID,
} from './bad-input.ts';

const DELETE = 'NetworkDriver.DeleteNetwork';
const POOL = 'IpamDriver.RequestPool';

function nested(depth: number, open: string, close: string): string {
  return open.repeat(depth) + close.repeat(depth);
}

function notServed(verb: string, socket: 'network' | 'ipam', path: string): BadInput {
  return {
    title: `${verb} ${path} at the ${socket} socket`,
    verb,
    socket,
    path,
    body: '{}',
    status: 404,
    err: [verb, path],
  };
}

/** Paths and HTTP methods that no socket serves. */
const unknownCalls: readonly BadInput[] = [
  notServed('POST', 'network', '/'),
  notServed('POST', 'network', '/NetworkDriver'),
  notServed('POST', 'network', '/NetworkDriver.'),
  notServed('POST', 'network', '/NetworkDriver.UpdateNetwork'),
  notServed('POST', 'network', '/networkdriver.createnetwork'),
  notServed('POST', 'network', '/NetworkDriver.Join/extra'),
  notServed('POST', 'network', '/plugin.activate'),
  notServed('POST', 'network', '/VolumeDriver.Mount'),
  notServed('POST', 'network', '/IpamDriver.RequestPool'),
  notServed('POST', 'network', '/__proto__'),
  notServed('POST', 'network', '/constructor'),
  notServed('POST', 'network', `/${'a'.repeat(40)}`),
  notServed('POST', 'ipam', '/NetworkDriver.CreateNetwork'),
  notServed('POST', 'ipam', '/IpamDriver.GetPools'),
  notServed('GET', 'network', '/Plugin.Activate'),
  notServed('GET', 'ipam', '/IpamDriver.GetCapabilities'),
  notServed('PUT', 'network', '/NetworkDriver.CreateNetwork'),
  notServed('PATCH', 'network', '/NetworkDriver.Join'),
  notServed('DELETE', 'network', '/NetworkDriver.DeleteNetwork'),
  notServed('OPTIONS', 'ipam', '/IpamDriver.RequestPool'),
];

/** No body, where there must be one. */
const emptyBodies: readonly BadInput[] = METHODS.map((method) => ({
  title: `${method}: no body`,
  socket: socketOf(method),
  path: `/${method}`,
  status: 500,
  err: [method, 'empty request body'],
}));

/** JSON, but not an object. */
const notObjects: readonly BadInput[] = METHODS.map((method) =>
  body('an array', method, '[]', 'request body', '[]', 'must be object'),
);

const malformed: readonly BadInput[] = [
  body('cut short', DELETE, '{"NetworkID":', 'not JSON', 'position 13'),
  body('cut in a string', DELETE, '{"NetworkID":"ab', 'not JSON', 'position'),
  body('no colon', DELETE, '{"NetworkID" "a"}', 'not JSON', 'position 13'),
  body('a comma too many', DELETE, '{"NetworkID":"a",}', 'not JSON', 'position 17'),
  body('single quotes', DELETE, "{'NetworkID':'a'}", 'not JSON', 'position 1'),
  body('no quotes', DELETE, '{NetworkID:"a"}', 'not JSON', 'position 1'),
  body('a comment', DELETE, '/* x */{}', 'not JSON', 'position 0'),
  body('two values', DELETE, '{}{}', 'not JSON', 'position 2'),
  body('text after the value', POOL, '{"AddressSpace":"L"} x', 'not JSON', 'position 21'),
  body('an escape that is none', POOL, '{"Pool":"\\x41"}', 'not JSON', 'position 9'),
  body('a control character in a string', POOL, '{"Pool":"a\nb"}', 'not JSON', 'position 10'),
  body('a number with a leading zero', POOL, '{"V6":01}', 'not JSON', 'position 6'),
  body('NaN', POOL, '{"V6":NaN}', 'not JSON', 'position 6'),
  body('a byte order mark', POOL, '\ufeff{}', 'not JSON', 'position 0'),
  body('form encoding', POOL, 'AddressSpace=L&Pool=', 'not JSON', 'position 0'),
  body('XML', POOL, '<pool/>', 'not JSON', 'position 0'),
  body('a null', DELETE, 'null', 'request body', 'null'),
  body('a number', DELETE, '1e999', 'request body', 'must be object'),
  body('a text', DELETE, '"NetworkID"', 'request body', 'must be object'),
  body(
    'a byte that is not UTF-8',
    DELETE,
    Buffer.from('{"NetworkID":"\xff"}', 'latin1'),
    'UTF-8',
    'position 14',
  ),
  body('UTF-16', DELETE, Buffer.from('{"NetworkID":"a"}', 'utf16le'), 'not JSON', 'position 1'),
  body('an overlong encoding', DELETE, Buffer.from([0x22, 0xc0, 0xaf, 0x22]), 'UTF-8', 'position 1'),
  body('bytes of zero', DELETE, Buffer.alloc(64), 'not JSON', 'position 0'),
  body('gzip', DELETE, Buffer.from('1f8b0800', 'hex'), 'UTF-8', 'position 1'),
];

const bombs: readonly BadInput[] = [
  body('33 arrays in each other', DELETE, nested(33, '[', ']'), 'nested deeper than 32'),
  body('100,000 arrays in each other', DELETE, nested(100_000, '[', ']'), 'nested deeper than 32'),
  body('100,000 objects in each other', POOL, `${'{"a":'.repeat(100_000)}`, 'nested deeper than 32'),
  body(
    'a deep option',
    'NetworkDriver.CreateNetwork',
    `{"NetworkID":"${NETWORK_ID}","Options":{"${GENERIC}":{"k":${nested(500, '[', ']')}}}}`,
    'nested deeper than 32',
  ),
  body(
    '50,000 fields',
    DELETE,
    JSON.stringify(Object.fromEntries(Array.from({ length: 50_000 }, (_, i) => [`f${i}`, i]))),
    'NetworkID',
  ),
  body(
    'a name of 900,000 bytes',
    DELETE,
    JSON.stringify({ NetworkID: 'a'.repeat(900_000) }),
    'NetworkID',
    'aaa',
  ),
  ...(['NetworkDriver.Join', 'IpamDriver.RequestPool'] as const).map((method) => ({
    title: `${method}: a body of more than 1 MiB`,
    socket: socketOf(method),
    path: `/${method}`,
    body: JSON.stringify({ ...VALID[method], Padding: 'x'.repeat(1_048_576) }),
    status: 413 as const,
    err: ['1048576 bytes'],
  })),
  {
    title: 'Plugin.Activate: a body of 3 MiB',
    socket: 'network',
    path: '/Plugin.Activate',
    body: Buffer.alloc(3 * 1_048_576, 0x20),
    status: 413,
    err: ['1048576 bytes'],
  },
];

const keys: readonly BadInput[] = [
  body(
    'one field in two spellings',
    DELETE,
    `{"NetworkID":"${NETWORK_ID}","networkid":"other"}`,
    'NetworkID',
    '"other"',
    'second time',
    '"networkid"',
  ),
  body(
    'of one field twice the later counts',
    DELETE,
    `{"NetworkID":"${NETWORK_ID}","NetworkID":"a/b"}`,
    'NetworkID',
    '"a/b"',
  ),
  body(
    '__proto__ as a driver option',
    'NetworkDriver.CreateNetwork',
    `{"NetworkID":"${NETWORK_ID}","Options":{"${GENERIC}":{"__proto__":"x"}}}`,
    GENERIC,
    '__proto__',
  ),
  body(
    '__proto__ as an endpoint option',
    'NetworkDriver.CreateEndpoint',
    `{"NetworkID":"${NETWORK_ID}","EndpointID":"${ENDPOINT_ID}","Options":{"__proto__":{"a":1}}}`,
    'Options',
    '__proto__',
  ),
  body(
    '__proto__ as an IPAM option',
    POOL,
    '{"AddressSpace":"L","Options":{"__proto__":"x"}}',
    'Options',
    '__proto__',
  ),
  body(
    '__proto__ in place of the ids',
    'NetworkDriver.Leave',
    `{"__proto__":{"NetworkID":"${NETWORK_ID}","EndpointID":"${ENDPOINT_ID}"}}`,
    'NetworkID',
  ),
  body(
    '__proto__ in place of a port',
    'NetworkDriver.Join',
    `{"NetworkID":"${NETWORK_ID}","EndpointID":"${ENDPOINT_ID}","SandboxKey":"/run/x","Options":{"${PORT_MAP}":[{"__proto__":{"Proto":6,"Port":80}}]}}`,
    PORT_MAP,
    '[0]',
  ),
];

/** Cases about HTTP and JSON rather than about a field. */
export const TRANSPORT_CASES: readonly BadInput[] = [
  ...unknownCalls,
  ...emptyBodies,
  ...notObjects,
  ...malformed,
  ...bombs,
  ...keys,
];
