import type { Test } from 'tap';
import { poll } from '../../support/poll.ts';
import { attach } from './attach.ts';
import { bridgeOf, kernelState, kernelStateLike } from './kernel-witness.ts';
import { endpointBody, id, ipamData, networkBody } from './requests.ts';
import { ask, Sandbox } from './sandbox.ts';
import type { Case, Scene } from './weftd-suite.ts';

const NETWORK = id('restarts');
const ids = (name: string) => ({ NetworkID: NETWORK, EndpointID: id(name) });

async function restarts(t: Test, scene: Scene, signal: NodeJS.Signals): Promise<void> {
  const { weftd, lan } = scene;
  const ipv4 = [ipamData('10.65.0.0/24', '10.65.0.1/24')];
  await weftd.net('CreateNetwork', networkBody({ id: NETWORK, ipv4 }));
  const made = await kernelState();
  await weftd.restart(signal);
  t.same(await kernelStateLike(made), made, 'the network is untouched');

  using box = await Sandbox.open('n17');
  const mappings = [{ port: 80, hostPort: 8017 }];
  const at = { network: NETWORK, id: id('n17'), ipv4: '10.65.0.2/24', mappings };
  const { join, name } = await attach(weftd, box, at);
  await box.serve('tcp', 80, 'box');
  const running = await kernelState();
  await weftd.stop(signal);
  t.equal(ask(lan, 'tcp', '192.0.2.1', 8017), 'box', 'published ports work while weftd is down');
  t.same(await kernelState(), running);
  await weftd.start();
  t.same(await kernelStateLike(running), running, 'nothing is made or taken away at the start');
  t.equal(ask(lan, 'tcp', '192.0.2.1', 8017), 'box');
  t.match(await weftd.control('/v1/ports'), [{ hostPort: 8017, containerPort: 80, endpoint: id('n17') }]);

  await weftd.net('RevokeExternalConnectivity', ids('n17'));
  await weftd.net('Leave', ids('n17'));
  await weftd.restart(signal);
  box.unplumb(name, join);
  await weftd.net('DeleteEndpoint', ids('n17'));
  t.same(await kernelStateLike(made), made, 'and the endpoint goes after another restart');
  await weftd.net('CreateEndpoint', endpointBody({ network: NETWORK, id: id('n17b'), ipv4: '10.65.0.2/24' }));
  await weftd.restart(signal);
  await weftd.net('DeleteNetwork', { NetworkID: NETWORK });
  await poll(() => bridgeOf(NETWORK) === undefined);
}

/** Cases about weftd's own restarts. */
export const restartCases: Readonly<Record<string, Case>> = {
  'N17 plugin restart between CreateNetwork and CreateEndpoint, between Join and Leave: SIGTERM': (
    t,
    scene,
  ) => restarts(t, scene, 'SIGTERM'),
  'N17 plugin restart between CreateNetwork and CreateEndpoint, between Join and Leave: SIGKILL': (
    t,
    scene,
  ) => restarts(t, scene, 'SIGKILL'),
};
