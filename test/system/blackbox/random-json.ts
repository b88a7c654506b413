import fc from 'fast-check';
import { METHODS, type MethodName, VALID } from '../../plugin/bad-input/bad-input.ts';

type Step = string | number;

/** The way to each field and element of a value. */
function pathsOf(value: unknown, path: readonly Step[] = []): (readonly Step[])[] {
  if (typeof value !== 'object' || value === null) return [path];
  const entries = Array.isArray(value) ? [...value.entries()] : Object.entries(value);
  return [path, ...entries.flatMap(([key, item]) => pathsOf(item, [...path, key]))];
}

function replaced(value: unknown, [step, ...rest]: readonly Step[], by: unknown): unknown {
  if (step === undefined) return by;
  const copy = (Array.isArray(value) ? [...value] : { ...(value as object) }) as Record<Step, unknown>;
  copy[step] = replaced(copy[step], rest, by);
  return copy;
}

/** Texts that mean something to weftd, beside texts that mean nothing. */
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom(
    '',
    '0.0.0.0/0',
    '::/0',
    '0.0.0.0/29',
    '198.18.7.0/24',
    '198.18.7.3',
    '10.0.0.1/8',
    'fd00::1',
  ),
  fc.constantFrom(
    'fd00:7::5/64',
    '02:42:ac:11:00:99',
    '/run/docker/netns/x',
    '../../etc',
    '\0',
    'lan0',
    'lo',
    '🜁',
  ),
);
const label = fc.constantFrom(
  'com.docker.network.bridge.name',
  'com.docker.network.driver.mtu',
  'com.docker.network.bridge.gateway_mode_ipv4',
  'com.docker.network.endpoint.ifname',
  'RequestAddressType',
  'weft.isolate',
  '__proto__',
);
const value = fc.oneof(
  text,
  fc.jsonValue({ maxDepth: 5, stringUnit: 'binary' }),
  fc.double(),
  fc.dictionary(label, text),
  fc.array(
    fc.dictionary(fc.constantFrom('Proto', 'Port', 'HostPort', 'HostIP', 'Pool', 'Gateway'), fc.jsonValue()),
  ),
);

/** A method and a body: anything, or valid arguments with one or two values replaced. */
export const anyCall: fc.Arbitrary<{ readonly method: MethodName; readonly body: string }> = fc
  .constantFrom(...METHODS)
  .chain((method) => {
    const path = fc.constantFrom(...pathsOf(VALID[method]));
    const changes = fc.array(fc.tuple(path, value), { maxLength: 2 });
    const changed = changes.map((all) =>
      all.reduce<unknown>((body, [at, by]) => replaced(body, at, by), VALID[method]),
    );
    return fc
      .oneof({ weight: 4, arbitrary: changed }, { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 6 }) })
      .map((body) => ({ method, body: JSON.stringify(body) ?? 'null' }));
  });
