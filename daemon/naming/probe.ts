import { Socket, type SocketConstructorOpts } from 'node:net';
import { familyOf, type Ip } from '../../core/address.ts';
import { KernelError } from '../../core/errors.ts';
import type { SandboxKey } from '../../core/ids.ts';
import type { HealthProbe } from '../../core/service.ts';
import { inNamespace, openSocket } from '../../kernel/libc/index.ts';

/** <bits/socket.h> */
const AF = { 4: 2, 6: 10 } as const;
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;

const TIMEOUT_MS = 1000;
/** What of an HTTP reply is looked at. */
const STATUS_LINE = /^HTTP\/1\.[01] [23]\d\d[ \r]/;
const STATUS_BYTES = 13;

export interface ProbeTarget {
  readonly sandbox: SandboxKey;
  readonly ip: Ip;
  readonly probe: HealthProbe;
}

/**
 * Whether a container answers at its own address, asked from inside its sandbox: that works on networks that the host
 * has no way into too (internal, macvlan), and no rule of the host's has a say. An HTTP reply with a status from 200
 * to 399 is an answer. Never rejects; silence for a second is none.
 */
export function answersProbe({ sandbox, ip, probe }: ProbeTarget): Promise<boolean> {
  let fd: number;
  try {
    fd = inNamespace(sandbox, () => openSocket(AF[familyOf(ip)], SOCK_STREAM | SOCK_NONBLOCK, 0));
  } catch (error) {
    if (error instanceof KernelError) return Promise.resolve(false);
    throw error;
  }
  return ask(fd, ip, probe);
}

function ask(fd: number, ip: Ip, probe: HealthProbe): Promise<boolean> {
  return new Promise((resolve) => {
    // Without the undocumented option Node reads from the descriptor at once, and there is no connection yet.
    const socket = new Socket({ fd, pauseOnCreate: true } as SocketConstructorOpts);
    const finish = (answered: boolean) => {
      socket.destroy();
      clearTimeout(timer);
      resolve(answered);
    };
    const timer = setTimeout(() => finish(false), TIMEOUT_MS);
    let heard = '';
    socket.unref();
    socket.setEncoding('latin1');
    socket.once('error', () => finish(false));
    socket.once('connect', () => {
      if (probe.kind === 'tcp') return finish(true);
      socket.write(request(ip, probe.path));
    });
    socket.on('data', (text) => {
      heard += text;
      if (heard.length >= STATUS_BYTES) finish(STATUS_LINE.test(heard));
    });
    socket.once('end', () => finish(false));
    socket.connect({ host: ip, port: probe.port });
    socket.resume();
  });
}

function request(ip: Ip, path: string): string {
  const host = familyOf(ip) === 6 ? `[${ip}]` : ip;
  return `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nUser-Agent: weft\r\nAccept: */*\r\nConnection: close\r\n\r\n`;
}
