import './own-host.ts';
import { Agent } from 'node:http';
import t, { type Test } from 'tap';
import { type Answer, exchange } from '../../plugin/plugin-client.ts';
import { RECORDINGS, type RecordedRequest, recordedRequests } from '../../plugin/recordings.ts';
import { kernelState, kernelStateLike } from './kernel-witness.ts';
import { Translation } from './recording-translation.ts';
import { WeftdProcess, type Wire } from './weftd-process.ts';
import { pastLeases, removeAll } from './weftd-suite.ts';

t.setTimeout(300_000);

/** Calls that succeed whatever has happened before, if they have the arguments they need. */
const ALWAYS =
  /^(Plugin\.Activate|.*\.(GetCapabilities|GetDefaultAddressSpaces)|NetworkDriver\.(Leave|Delete.*|Revoke.*|EndpointOperInfo|Discover.*|AllocateNetwork|FreeNetwork|GwAllocCheck)|IpamDriver\.Release.*)$/;

/** Why the others may be refused, and what in the recordings brings it about. */
const REASONS: Readonly<Record<string, RegExp>> = {
  'an empty body, sent again by an engine whose first try broke': /came with an empty request body/,
  'the recorder let two networks have one subnet': /subnet \S+ overlaps \S+ of network/,
  'the recorder gave one pool twice': /overlaps (pool \S+|\S+ of network)/,
  'a bridge needs addresses: --ipam-driver null': /covers every address|has no address/,
  'the network was refused, or made while the recorder did not listen': /network \S+ does not exist/,
  'the endpoint was refused, or made while the recorder did not listen':
    /endpoint \S+ does not exist in network/,
  'the pool was refused, or given before the recording began': /pool "\S+" is not held here/,
  'replay, which weft tells engines not to do': /in use by/,
  'the recorder answered with addresses that its pool did not have': /is not in (subnet|pool)/,
  'the recorder gave a gateway’s address to an endpoint': /is the gateway of subnet/,
  'Program without a Join': /has not joined a sandbox/,
};

/** One recording against a weftd with empty state. */
async function replay(t: Test, name: string): Promise<Map<string, number>> {
  await using weftd = await WeftdProcess.start('--address-rest', '1s');
  const fresh = await kernelState();
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const translation = new Translation();
  const refusals = new Map<string, number>();
  let ok = 0;
  for (const request of recordedRequests(name)) {
    const answer = await send(weftd, agent, request, translation);
    const where = `${request.mark} ${request.method} ${request.body.slice(0, 300)} ${answer.text.slice(0, 300)}`;
    if (answer.json === undefined) t.fail(`not JSON: ${where}`);
    if (answer.status === 200) {
      ok++;
      continue;
    }
    const err = String(answer.json?.['Err']);
    const reason = Object.entries(REASONS).find(([, pattern]) => pattern.test(err))?.[0];
    if (reason === undefined || (ALWAYS.test(request.method) && request.body !== '')) t.fail(where);
    refusals.set(String(reason), (refusals.get(String(reason)) ?? 0) + 1);
  }
  agent.destroy();
  const refused = [...refusals.values()].reduce((sum, count) => sum + count, 0);
  t.ok(ok > 5 * refused, `${ok} succeed, ${refused} are refused`);
  t.equal(weftd.running, true, 'weftd runs');
  t.same(weftd.logged(50), [], 'and logged no error');
  await removeAll(weftd);
  t.same(await kernelStateLike(fresh), fresh, 'after what is left is deleted, the kernel has nothing');
  t.same(pastLeases(weftd.records()), {}, 'nor has the store');
  return refusals;
}

async function send(
  weftd: WeftdProcess,
  agent: Agent,
  { method, headers, body, answer: recorded }: RecordedRequest,
  translation: Translation,
): Promise<Answer> {
  const isIpam = method.startsWith('IpamDriver.');
  const kept = Object.entries(headers).filter(([header]) => header.toLowerCase() !== 'content-length');
  const socket = weftd.socket(isIpam ? 'weft' : 'weft-bridge');
  const post = (text: string) =>
    exchange(socket, {
      path: `/${method}`,
      headers: { ...Object.fromEntries(kept), 'Content-Length': String(Buffer.byteLength(text)) },
      body: text,
      agent,
    });
  if (body === '') return post('');
  const sent = JSON.parse(body) as Wire;
  for (;;) {
    const translated = isIpam ? translation.request(method, sent) : translation.withoutUnknown(sent);
    const answer = await post(`${JSON.stringify(translated)}\n`);
    if (translation.dropsOption(answer.json?.['Err'])) continue;
    if (isIpam && answer.status === 200 && recorded !== undefined) {
      translation.learn(method, sent, recorded, answer.json ?? {});
    }
    return answer;
  }
}

const total = new Map<string, number>();
for (const name of RECORDINGS) {
  await t.test(`${name} is replayed against the real daemon`, async (t) => {
    for (const [reason, count] of await replay(t, name)) total.set(reason, (total.get(reason) ?? 0) + count);
  });
}
for (const [reason, count] of total) t.comment(`${count} refused: ${reason}`);
