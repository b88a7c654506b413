import { expect, test } from 'vitest';
import { configValue, judgeModule, type ModuleFacts, moduleFacts } from './kernel-modules.ts';

const nothing: ModuleFacts = {
  inUse: false,
  loaded: false,
  builtIn: undefined,
  loadable: undefined,
  config: undefined,
};

test.each<[string, Partial<ModuleFacts>, string]>([
  ['nothing known', {}, 'unknown'],
  ['in use, whatever the files say', { inUse: true, config: 'n', loadable: false }, 'present'],
  ['loaded', { loaded: true, config: 'n' }, 'present'],
  ['built in by the configuration', { config: 'y' }, 'present'],
  ['built in by the list', { builtIn: true, loadable: false }, 'present'],
  ['a module and on disk', { config: 'm', loadable: true }, 'present'],
  ['a module and not on disk', { config: 'm', loadable: false }, 'absent'],
  ['a module without a list of modules', { config: 'm' }, 'unknown'],
  ['not configured', { config: 'n' }, 'absent'],
  ['in neither list', { builtIn: false, loadable: false }, 'absent'],
])('%s', (_name, facts, state) => {
  expect(judgeModule({ ...nothing, ...facts }).state).toBe(state);
});

test('configuration lines are taken whole', () => {
  const text = 'CONFIG_BRIDGE=m\nCONFIG_BRIDGE_NETFILTER=y\n# CONFIG_VXLAN is not set\n';
  expect(configValue(text, 'BRIDGE')).toBe('m');
  expect(configValue(text, 'BRIDGE_NETFILTER')).toBe('y');
  expect(configValue(text, 'VXLAN')).toBe('n');
  expect(configValue(text, 'VETH')).toBe('n');
  expect(configValue(undefined, 'VETH')).toBeUndefined();
});

test('module lists are searched for whole names, compressed or not', async () => {
  const sources = {
    builtIn: 'kernel/net/8021q/notveth.ko\nkernel/drivers/net/veth-more.ko\n',
    dependencies: 'kernel/drivers/net/veth.ko.xz:\nkernel/net/nf-x_y.ko: kernel/net/bridge/bridge.ko.zst\n',
    config: undefined,
  };
  expect(await moduleFacts(sources, 'veth', 'VETH', false)).toMatchObject({ builtIn: false, loadable: true });
  expect(await moduleFacts(sources, 'nf_x_y', 'X', false)).toMatchObject({ loadable: true, loaded: false });
  expect(await moduleFacts({ ...sources, dependencies: undefined }, 'veth', 'VETH', true)).toMatchObject({
    loadable: undefined,
    inUse: true,
  });
});
