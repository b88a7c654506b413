import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { text as readAll } from 'node:stream/consumers';
import { Value } from 'typebox/value';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Problem, ServiceDetail } from '../../core/control.ts';
import { type ControlFixture, openControl } from '../../test/fakes/control-fixture.ts';
import { WEB } from '../../test/fakes/control-scene.ts';

/** More weights than one request may bring; short in the name of a test. */
const BIG = Object.defineProperty({}, 'toJSON', {
  value: () => Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [`container-${i}`, '1'])),
});
let control: ControlFixture;

beforeEach(async () => {
  control = await openControl();
});

afterEach(() => control[Symbol.asyncDispose]());

async function send(method: string, url: string, body?: object | string) {
  const headers = body === undefined ? {} : { 'content-type': 'application/json' };
  const call = request({ socketPath: control.path, path: url, method, agent: false, headers });
  call.end(typeof body === 'string' ? body : JSON.stringify(body));
  const [response] = (await once(call, 'response')) as [IncomingMessage];
  return { status: response.statusCode, body: JSON.parse(await readAll(response)) as unknown };
}

describe('services', () => {
  it('are made, changed and removed', async () => {
    const made = await send('POST', '/v1/services', { network: 'web', name: 'API', ports: ['80:8080'] });
    expect(made).toMatchObject({ status: 201, body: { name: 'api', origin: 'api', network: WEB } });
    expect([...Value.Errors(ServiceDetail, made.body)]).toEqual([]);
    const url = '/v1/services/web/api';
    const changed = await send('PATCH', url, { health: 'tcp:80', weights: { 'web-1': 0, 'web-2': '7' } });
    expect(changed).toMatchObject({
      status: 200,
      body: { ports: [{ port: 80 }], health: 'tcp:80', weights: { 'web-1': 0, 'web-2': 7 } },
    });
    expect([...Value.Errors(ServiceDetail, changed.body)]).toEqual([]);
    expect(await send('DELETE', url)).toMatchObject({ status: 200, body: { name: 'api' } });
    expect(await send('DELETE', url)).toMatchObject({
      status: 404,
      body: { code: 'not_found', message: 'network web has no service api' },
    });
  });

  it.each([
    ['POST', {}, 400, 'network is missing in the body'],
    ['POST', { network: 'web', name: '-' }, 400, 'name "-": expected 1–63 letters, digits'],
    ['POST', { network: 'web', name: 'a', prots: [] }, 400, 'prots is no field of the body: expected one of'],
    ['POST', { network: 'web', name: 'a', ports: {} }, 400, 'ports {} must be array'],
    ['POST', { network: 'nope', name: 'a' }, 404, 'no network has the id or name "nope"'],
    ['POST', { network: 'web', name: 'shop' }, 409, 'has a service shop already'],
    ['POST', { network: 'web', name: 'a', ports: ['80', '80/tcp'] }, 400, 'ports names 80/tcp twice'],
    ['POST', '{', 400, 'JSON'],
    ['POST', { network: 'web', name: 'a', weights: BIG }, 413, 'too large'],
    ['PATCH', {}, 400, 'an empty change: expected one of ports, affinity'],
    ['PATCH', { weights: { 'web 1': '1' } }, 400, 'weights "web 1": expected a container name'],
    ['PATCH', { weights: { 'web-1': '1001' } }, 400, 'weights.web-1 "1001": expected a number'],
    ['PATCH', { ports: [] }, 409, 'ports of service shop cannot be set by hand'],
    ['DELETE', undefined, 409, 'is declared by its containers'],
  ])('%s %o is refused with %d', async (method, body, status, message) => {
    const url = method === 'POST' ? '/v1/services' : '/v1/services/web/shop';
    const answer = await send(method, url, body);
    expect(answer.status).toBe(status);
    expect(Value.Check(Problem, answer.body)).toBe(true);
    expect((answer.body as Problem).message).toContain(message);
  });
});

it('names the field, the value and what is accepted in a query, too', async () => {
  const answer = await send('GET', '/v1/dns?name=web&type=MX');
  expect(answer.body).toMatchObject({
    message: 'type "MX" must be equal to one of the allowed values: ["A","AAAA","PTR","SRV"]',
    context: { field: 'type' },
  });
});
