import pino from 'pino';
import { beforeEach, describe, expect, test } from 'vitest';
import type { EndpointId } from '../../core/ids.ts';
import type { NameRecord, NamingChange, ServiceRecord } from '../../core/naming.ts';
import { MemoryShared } from '../../test/fakes/memory-shared.ts';
import { encodeNaming, namingKeys, parseNamingKey } from './records.ts';
import { StoreView } from './store-view.ts';

const dead = new Set<string>();
let nodeChanged: (node: string) => void;
const liveness = {
  isDead: (node: string) => dead.has(node),
  hasLease: (node: string) => !dead.has(node),
  subscribe: (listener: (node: string) => void) => {
    nodeChanged = listener;
    return { [Symbol.dispose]: () => undefined };
  },
};

let shared: MemoryShared;
let host: MemoryShared;
let view: StoreView;
let changes: NamingChange[];
beforeEach(() => {
  dead.clear();
  shared = new MemoryShared();
  host = new MemoryShared();
  view = new StoreView({ stores: [shared.view(), host.view()], liveness, log: pino({ level: 'silent' }) });
  changes = [];
  view.subscribe((batch) => changes.push(...batch));
});

function record(id: string, change: Partial<NameRecord> = {}): NameRecord {
  return {
    endpoint: id as EndpointId,
    network: 'app',
    networkName: 'app',
    node: 'h1',
    container: `c-${id}`,
    names: [`web-${id}`, 'web'],
    ipv4: '10.0.0.2' as never,
    state: 'ready',
    declaredAt: 0,
    ...change,
  };
}
const declares = (service: string, weight = 1) => ({ service: { service, ports: [], weight } });
const put = (one: NameRecord, to = shared) =>
  to.commit({
    put: [{ key: namingKeys.name(one.network, one.node, one.endpoint), value: encodeNaming(one) }],
  });
const gone = (one: NameRecord, from = shared) =>
  from.commit({ delete: [namingKeys.name(one.network, one.node, one.endpoint)] });
function service(change: Partial<ServiceRecord> = {}): ServiceRecord {
  const made: ServiceRecord = {
    network: 'app',
    name: 'web',
    ports: [],
    origin: 'label',
    createdAt: 1,
    ...change,
  };
  shared.commit({ put: [{ key: namingKeys.service(made.network, made.name), value: encodeNaming(made) }] });
  return made;
}
const said = () => changes.splice(0).map((each) => Object.values(each).join(' '));

describe('names', () => {
  test('of both stores come, change and go', () => {
    const one = record('e1');
    const own = record('e2', { network: 'n'.repeat(64) });
    put(one);
    put(own, host);
    expect([...view.networks()].sort()).toEqual(['app', 'n'.repeat(64)]);
    expect(view.name('app', one.endpoint)).toEqual(one);
    expect([...view.names('n'.repeat(64))]).toEqual([own]);
    expect(said()).toEqual(['name app e1', `name ${'n'.repeat(64)} e2`]);
    put({ ...one, state: 'failing' });
    expect(view.name('app', one.endpoint)?.state).toBe('failing');
    gone(one);
    gone(own, host);
    expect([...view.networks()]).toEqual([]);
    expect(view.named('app', 'web')).toEqual([]);
  });

  test('known before are there from the start', () => {
    put(record('e1'));
    const later = new StoreView({ stores: [shared.view()], liveness, log: pino({ level: 'silent' }) });
    expect(later.named('app', 'web').map(({ endpoint }) => endpoint)).toEqual(['e1']);
  });

  test('of a dead host are not shown, and are again when it is back', () => {
    service();
    put(record('e1', { node: 'h2', ...declares('web') }));
    said();
    dead.add('h2');
    nodeChanged('h2');
    expect([...view.names('app')]).toEqual([]);
    expect(said()).toEqual(['name app e1', 'service app web']);
    put(record('e3', { node: 'h2' }));
    expect([...view.names('app')]).toEqual([]);
    dead.delete('h2');
    nodeChanged('h2');
    expect([...view.names('app')].map(({ endpoint }) => endpoint)).toEqual(['e1', 'e3']);
  });

  test('that cannot be read are said and left alone', () => {
    shared.commit({ put: [{ key: 'name/app/h1/e1', value: Buffer.from('{"endpoint":"e1"}') }] });
    shared.commit({ put: [{ key: 'service/app/web', value: Buffer.from('{') }] });
    const elsewhere = record('e2', { network: 'other' });
    shared.commit({ put: [{ key: 'name/app/h1/e2', value: encodeNaming(elsewhere) }] });
    expect([...view.names('app'), ...view.services('app')]).toEqual([]);
    expect(view.problems).toEqual([
      'record name/app/h1/e1 is not a name record',
      'record service/app/web is not JSON',
      'record name/app/h1/e2 is that of name/other/h1/e2',
    ]);
    shared.commit({ delete: ['name/app/h1/e1', 'service/app/web', 'name/app/h1/e2'] });
    expect(view.problems).toEqual([]);
  });
});

describe('services', () => {
  test('change when their backends do', () => {
    service();
    put(record('e1', declares('web')));
    expect(said()).toEqual(['service app web', 'name app e1', 'service app web']);
    put(record('e1', declares('api')));
    expect(said()).toEqual(['name app e1', 'service app web', 'service app api']);
    gone(record('e1'));
    expect(said()).toEqual(['name app e1', 'service app api']);
  });

  test('have those as backends that declare them or that they select, by id', () => {
    put(record('e3', declares('web', 7)));
    put(record('e1', { names: ['a', 'old'], state: 'starting' }));
    put(record('e2', declares('api', 5)));
    put(record('e0', { network: 'other', ...declares('web') }));
    const made = service({ select: 'old', origin: 'api' });
    expect(view.backends(made)).toEqual([
      { endpoint: 'e1', node: 'h1', ipv4: '10.0.0.2', weight: 1, state: 'starting' },
      { endpoint: 'e3', node: 'h1', ipv4: '10.0.0.2', weight: 7, state: 'ready' },
    ]);
    said();
    put(record('e1', { names: ['a'] }));
    expect(said()).toEqual(['name app e1', 'service app web']);
    expect(view.backends(made)).toHaveLength(1);
  });

  test('weights by hand go before those declared; 0 drains', () => {
    put(record('e1', declares('web', 7)));
    put(record('e2', declares('web', 7)));
    put(record('e3', declares('web', 0)));
    put(record('e4', { state: 'failing', ...declares('web', 0) }));
    const made = service({ weights: { 'web-e1': 0, e2: 9 } });
    expect(view.backends(made).map(({ weight, state }) => `${weight} ${state}`)).toEqual([
      '0 draining',
      '9 ready',
      '0 draining',
      '0 failing',
    ]);
  });

  test('on a silent host fail where they are probed', () => {
    const health = { kind: 'tcp', port: 80 } as const;
    const probed = { service: { service: 'web', ports: [], weight: 1, health } };
    const made = service();
    put(record('e1', { node: 'h2', ...probed }));
    put(record('e2', { node: 'h2', ...declares('web') }));
    put(record('e3', { node: 'h3', ...probed }));
    expect([...view.nodesProbed()]).toEqual(['h2', 'h3']);
    said();
    view.setSilent('h2', true);
    expect(view.backends(made).map(({ state }) => state)).toEqual(['failing', 'ready', 'ready']);
    expect(said()).toContain('service app web');
    put(record('e1', { node: 'h2', ...probed, names: ['other'] }));
    expect(view.name('app', 'e1' as EndpointId)?.state).toBe('failing');
    view.setSilent('h2', false);
    expect(view.backends(made).map(({ state }) => state)).toEqual(['ready', 'ready', 'ready']);
    gone(record('e1', { node: 'h2' }));
    expect([...view.nodesProbed()]).toEqual(['h3']);
  });

  test('selected by another name are others', () => {
    put(record('e1', { names: ['a', 'old'] }));
    service({ select: 'old' });
    const made = service({ select: 'new' });
    expect(view.backends(made)).toEqual([]);
    expect(view.selecting('app', ['old', 'new']).map(({ name }) => name)).toEqual(['web']);
    expect(view.selecting('app', ['old'])).toEqual([]);
  });
});

test.each(['name/app/h1', 'service/app', 'service/app/web/x', 'endpoint/app/h1/e1', 'name/a/b/c/d'])(
  '%s is no key of these records',
  (key) => {
    expect(parseNamingKey(key)).toBeUndefined();
  },
);
