import { describe, expect, test } from 'vitest';
import { InvalidArgument } from '../../core/errors.ts';
import { parseDeclaration } from './index.ts';

const web = { 'weft.service': 'web' };

describe('a declaration', () => {
  test('is none without weft.service, whatever other labels there are', () => {
    expect(parseDeclaration({})).toBeUndefined();
    expect(parseDeclaration({ 'com.docker.compose.service': 'web', 'weft.services': '1' })).toBeUndefined();
  });

  test('of a name alone is the whole address with the usual weight', () => {
    expect(parseDeclaration(web)).toEqual({ service: 'web', ports: [], weight: 1 });
  });

  test('says all there is to say', () => {
    expect(
      parseDeclaration({
        'weft.service': 'Web_1',
        'weft.service.port': '443:8443, 80:8080/tcp,53/udp,9/sctp',
        'weft.service.affinity': 'client',
        'weft.service.affinity.timeout': '5m',
        'weft.service.weight': '0',
        'weft.service.health': 'http:8080/healthz?full=1',
        'other.label': 'x',
      }),
    ).toEqual({
      service: 'web_1',
      ports: [
        { protocol: 'sctp', port: 9, target: 9 },
        { protocol: 'tcp', port: 80, target: 8080 },
        { protocol: 'tcp', port: 443, target: 8443 },
        { protocol: 'udp', port: 53, target: 53 },
      ],
      affinity: { timeoutSeconds: 300 },
      weight: 0,
      health: { kind: 'http', port: 8080, path: '/healthz?full=1' },
    });
  });

  test.each([
    ['none', undefined, undefined],
    ['client', undefined, {}],
    ['client', '1', { timeoutSeconds: 1 }],
    ['client', '90s', { timeoutSeconds: 90 }],
    ['client', '24h', { timeoutSeconds: 86_400 }],
  ])('affinity %s with timeout %s', (affinity, timeout, expected) => {
    const labels = {
      ...web,
      'weft.service.affinity': affinity,
      ...(timeout && { 'weft.service.affinity.timeout': timeout }),
    };
    expect(parseDeclaration(labels)?.affinity).toEqual(expected);
  });

  test.each([
    ['tcp:1', { kind: 'tcp', port: 1 }],
    ['tcp:65535', { kind: 'tcp', port: 65_535 }],
    ['http:80/', { kind: 'http', port: 80, path: '/' }],
  ])('health %s', (health, expected) => {
    expect(parseDeclaration({ ...web, 'weft.service.health': health })?.health).toEqual(expected);
  });
});

const PORTS = 'PORT or PORT:TARGET, 1–65535, perhaps with /tcp, /udp or /sctp';
const NAME = '1–63 letters, digits, "-" or "_", with a letter or digit at either end';
const TIMEOUT = 'seconds, or a number with "s", "m" or "h", from 1s to 24h';
const WEIGHT = 'a number from 1 to 1000, or 0 to drain';
const HEALTH = 'tcp:PORT or http:PORT/PATH, with a port from 1 to 65535';
const client = { 'weft.service.affinity': 'client' };

describe('a bad value is an error that names key, value and what is accepted', () => {
  test.each<[Record<string, string>, string, string, string]>([
    [{}, 'weft.service', '', NAME],
    [{}, 'weft.service', '-web', NAME],
    [{}, 'weft.service', 'web.example', NAME],
    [{}, 'weft.service', 'w b', NAME],
    [{}, 'weft.service', 'a'.repeat(64), NAME],
    [web, 'weft.service.port', '', PORTS],
    [web, 'weft.service.port', '0', PORTS],
    [web, 'weft.service.port', '65536', PORTS],
    [web, 'weft.service.port', '080', PORTS],
    [web, 'weft.service.port', '80:', PORTS],
    [web, 'weft.service.port', '80:0', PORTS],
    [web, 'weft.service.port', '80/icmp', PORTS],
    [web, 'weft.service.port', '80-90', PORTS],
    [web, 'weft.service.port', '-80', PORTS],
    [web, 'weft.service.port', 'http', PORTS],
    [web, 'weft.service.affinity', '', '"none" or "client"'],
    [web, 'weft.service.affinity', 'Client', '"none" or "client"'],
    [web, 'weft.service.affinity', 'cookie', '"none" or "client"'],
    [web, 'weft.service.affinity.timeout', '60', 'beside weft.service.affinity=client'],
    [{ ...web, ...client }, 'weft.service.affinity.timeout', '', TIMEOUT],
    [{ ...web, ...client }, 'weft.service.affinity.timeout', '0', TIMEOUT],
    [{ ...web, ...client }, 'weft.service.affinity.timeout', '1.5h', TIMEOUT],
    [{ ...web, ...client }, 'weft.service.affinity.timeout', '25h', TIMEOUT],
    [{ ...web, ...client }, 'weft.service.affinity.timeout', '86401', TIMEOUT],
    [{ ...web, ...client }, 'weft.service.affinity.timeout', '1d', TIMEOUT],
    [web, 'weft.service.weight', '', WEIGHT],
    [web, 'weft.service.weight', '-1', WEIGHT],
    [web, 'weft.service.weight', '1001', WEIGHT],
    [web, 'weft.service.weight', '1.5', WEIGHT],
    [web, 'weft.service.weight', '007', WEIGHT],
    [web, 'weft.service.weight', 'heavy', WEIGHT],
    [web, 'weft.service.health', '', HEALTH],
    [web, 'weft.service.health', 'tcp', HEALTH],
    [web, 'weft.service.health', 'tcp:0', HEALTH],
    [web, 'weft.service.health', 'tcp:80/x', HEALTH],
    [web, 'weft.service.health', 'http:80', HEALTH],
    [web, 'weft.service.health', 'http:70000/', HEALTH],
    [web, 'weft.service.health', 'http:80/a b', HEALTH],
    [web, 'weft.service.health', 'http:80/a\r\nHost: x', HEALTH],
    [web, 'weft.service.health', 'udp:53', HEALTH],
    [web, 'weft.service.prot', '80', 'one of weft.service, weft.service.port'],
    [{}, 'weft.service.port', '80', 'beside weft.service, which names the service'],
  ])('%o with %s=%j', (labels, key, value, expected) => {
    const parse = () => parseDeclaration({ ...labels, [key]: value });
    expect(parse).toThrow(InvalidArgument);
    expect(parse).toThrow(`${key} ${JSON.stringify(value).slice(0, 60)}`);
    expect(parse).toThrow(`expected ${expected}`);
  });

  test('a port named twice, and too many of them', () => {
    const parse = (ports: string) => () => parseDeclaration({ ...web, 'weft.service.port': ports });
    expect(parse('80,80:8080')).toThrow('weft.service.port names 80/tcp twice');
    expect(parse('80/tcp,80/udp')).not.toThrow();
    const many = Array.from({ length: 65 }, (_, i) => i + 1).join(',');
    expect(parse(many)).toThrow('weft.service.port has 65 ports: expected at most 64');
  });
});
