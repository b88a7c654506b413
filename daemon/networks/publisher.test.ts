import { beforeEach, describe, expect, test } from 'vitest';
import type { Ip } from '../../core/address.ts';
import { Conflict, Exhausted, InvalidArgument } from '../../core/errors.ts';
import type { EndpointId } from '../../core/ids.ts';
import type { PortRequest } from '../../core/model.ts';
import type { Protocol } from '../../core/ports.ts';
import { FakePorts } from '../../test/fakes/fake-ports.ts';
import { Publisher } from './publisher.ts';

const A = 'a' as EndpointId;
const B = 'b' as EndpointId;
const FIRST = 40_000;
const LAST = 40_003;

let ports: FakePorts;
let publisher: Publisher;
beforeEach(() => {
  ports = new FakePorts();
  publisher = new Publisher({
    reserver: ports,
    relays: ports.relays,
    range: () => ({ first: FIRST, last: LAST }),
    nameOf: (id) => `container ${id}`,
  });
});

/** `8080`, `8080-8090` or `0` on host addresses, to container port 80 of 10.0.0.2 or fd00::2. */
function aRequest(
  port: string,
  hosts: readonly string[] = ['0.0.0.0'],
  change: { readonly protocol?: Protocol; readonly relayed?: boolean; readonly containerIp?: string } = {},
): PortRequest {
  const [first = 0, last = first] = port.split('-').map(Number);
  return {
    protocol: change.protocol ?? 'tcp',
    containerPort: 80,
    hostPort: first,
    hostPortEnd: last,
    relayed: change.relayed ?? false,
    bindings: hosts.map((hostIp) => ({
      hostIp: hostIp as Ip,
      containerIp: (change.containerIp ?? (hostIp.includes(':') ? 'fd00::2' : '10.0.0.2')) as Ip,
    })),
  };
}

const chosen = (published: readonly { readonly hostPort: number }[]) =>
  published.map(({ hostPort }) => hostPort);

function occupy(port: number, ip = '0.0.0.0', holder?: string): void {
  ports.occupy({ protocol: 'tcp', ip: ip as Ip, port }, holder);
}

describe('holding ports', () => {
  test('says what is published, once for each host address', async () => {
    expect(await publisher.hold(A, [aRequest('8080', ['0.0.0.0', '::'])])).toEqual([
      { protocol: 'tcp', hostIp: '0.0.0.0', hostPort: 8080, containerIp: '10.0.0.2', containerPort: 80 },
      { protocol: 'tcp', hostIp: '::', hostPort: 8080, containerIp: 'fd00::2', containerPort: 80 },
    ]);
  });

  test('takes the first free port of a range', async () => {
    occupy(8000);
    occupy(8001);
    expect(chosen(await publisher.hold(A, [aRequest('8000-8005')]))).toEqual([8002]);
    expect(chosen(await publisher.hold(B, [aRequest('8000-8005')]))).toEqual([8003]);
  });

  test('takes one port that is free on every address', async () => {
    occupy(8000, '::');
    occupy(8001, '0.0.0.0');
    expect(chosen(await publisher.hold(A, [aRequest('8000-8003', ['0.0.0.0', '::'])]))).toEqual([8002, 8002]);
    expect(ports.held()).toEqual(['relay tcp [::]:8002', 'tcp 0.0.0.0:8002']);
  });

  test('goes round the automatic range, from where it left off', async () => {
    const next = async (id: string) => chosen(await publisher.hold(id as EndpointId, [aRequest('0')]))[0];
    expect([await next('1'), await next('2'), await next('3')]).toEqual([FIRST, FIRST + 1, FIRST + 2]);
    publisher.release('1' as EndpointId);
    expect(await next('4')).toBe(LAST);
    expect(await next('5')).toBe(FIRST);
    await expect(next('6')).rejects.toThrow('no host port is free for 80/tcp');
    await expect(next('6')).rejects.toBeInstanceOf(Exhausted);
    publisher.release('3' as EndpointId);
    expect(await next('7')).toBe(FIRST + 2);
  });

  test('gives the same number to different protocols', async () => {
    const both = [aRequest('53'), aRequest('53', ['0.0.0.0'], { protocol: 'udp' })];
    await publisher.hold(A, both);
    expect(ports.held()).toEqual(['tcp 0.0.0.0:53', 'udp 0.0.0.0:53']);
  });

  test('replaces what the endpoint held before', async () => {
    await publisher.hold(A, [aRequest('8080')]);
    await publisher.hold(A, [aRequest('8081')]);
    expect(ports.held()).toEqual(['tcp 0.0.0.0:8081']);
  });

  test('of nothing holds nothing', async () => {
    expect(await publisher.hold(A, [])).toEqual([]);
    publisher.release(A);
    expect(ports.held()).toEqual([]);
  });
});

describe('a port that is busy', () => {
  test('on one family leaves nothing held on the other, nor of the other requests', async () => {
    occupy(8080, '::1', 'sshd (pid 9)');
    const hold = publisher.hold(A, [aRequest('9000'), aRequest('8080', ['0.0.0.0', '::'])]);
    await expect(hold).rejects.toThrow('host port 8080/tcp on :: is held by sshd (pid 9)');
    expect(ports.held()).toEqual([]);
  });

  test.each([
    ['0.0.0.0', '0.0.0.0'],
    ['0.0.0.0', '127.0.0.1'],
    ['127.0.0.1', '0.0.0.0'],
  ])('because %s is held is named after its endpoint when %s is asked for', async (held, asked) => {
    await publisher.hold(A, [aRequest('8080', [held])]);
    await expect(publisher.hold(B, [aRequest('8080', [asked])])).rejects.toThrow(
      `host port 8080/tcp on ${asked} is held by container a`,
    );
    expect(ports.held()).toHaveLength(1);
  });

  test('of another process is named after it, or so when it cannot be found', async () => {
    occupy(81, '0.0.0.0', 'nginx (pid 7)');
    occupy(82);
    await expect(publisher.hold(A, [aRequest('81')])).rejects.toThrow('is held by nginx (pid 7)');
    await expect(publisher.hold(A, [aRequest('82')])).rejects.toThrow('is held by another process');
    await expect(publisher.hold(A, [aRequest('82')])).rejects.toBeInstanceOf(Conflict);
  });

  test('in the whole of a range is said so', async () => {
    occupy(81);
    occupy(82);
    await expect(publisher.hold(A, [aRequest('81-82')])).rejects.toThrow(/; 81–82 are all taken$/);
  });

  test('because the endpoint asks for it twice is said so', async () => {
    await expect(publisher.hold(A, [aRequest('81'), aRequest('81')])).rejects.toThrow(
      'is held by another mapping of this endpoint',
    );
    expect(ports.held()).toEqual([]);
  });

  test('only in the sense of an error that is no conflict stops at once', async () => {
    const foreign = new Publisher({
      reserver: {
        reserve: () => {
          throw new InvalidArgument('192.0.2.9 is not an address of this host');
        },
        holder: async () => undefined,
      },
      relays: ports.relays,
      range: () => ({ first: 1, last: 9 }),
      nameOf: String,
    });
    const request = aRequest('8000-8005', ['192.0.2.9']);
    await expect(foreign.hold(A, [request])).rejects.toThrow('not an address of this host');
  });
});

describe('a relay', () => {
  test.each([
    ['::', '10.0.0.2', 'tcp', false, 'relay tcp [::]:80'],
    ['::', 'fd00::2', 'tcp', false, 'relay tcp [::]:80'],
    ['::1', 'fd00::2', 'tcp', false, 'relay tcp [::1]:80'],
    ['fd00::9', 'fd00::2', 'tcp', false, 'tcp [fd00::9]:80'],
    ['fd00::9', '10.0.0.2', 'tcp', false, 'relay tcp [fd00::9]:80'],
    ['0.0.0.0', '10.0.0.2', 'tcp', false, 'tcp 0.0.0.0:80'],
    ['0.0.0.0', '10.0.0.2', 'tcp', true, 'relay tcp 0.0.0.0:80'],
    ['::', 'fd00::2', 'udp', false, 'udp [::]:80'],
  ] as const)(
    'from %s to %s over %s (asked for: %s) is: %s',
    async (host, containerIp, protocol, relayed, held) => {
      await publisher.hold(A, [aRequest('80', [host], { containerIp, protocol, relayed })]);
      expect(ports.held()).toEqual([held]);
    },
  );
});

describe('restoring', () => {
  test('takes the ports again and tells those that are lost', async () => {
    const published = await publisher.hold(A, [aRequest('8080', ['0.0.0.0', '::']), aRequest('8081')]);
    publisher.release(A);
    occupy(8081);
    expect(await publisher.restore(A, published)).toEqual([published[2]]);
    expect(ports.held()).toEqual(['relay tcp [::]:8080', 'tcp 0.0.0.0:8080']);
    publisher.release(A);
    expect(ports.held()).toEqual([]);
  });

  test('makes the holder known by name', async () => {
    const published = await publisher.hold(A, [aRequest('8080')]);
    publisher.release(A);
    await publisher.restore(A, published);
    await expect(publisher.hold(B, [aRequest('8080')])).rejects.toThrow('container a');
  });
});
