import { errorMessage } from '../core/errors.ts';

/**
 * Tells systemd about the state of the service (sd_notify(3)): nothing without NOTIFY_SOCKET.
 *
 * Node's dgram has no Unix sockets, so the message goes through libc like everything else of that kind.
 */
export async function notifySystemd(state: string): Promise<void> {
  const path = process.env['NOTIFY_SOCKET'];
  if (path === undefined || path === '') return;
  const { sendUnixDatagram } = await import('../kernel/index.ts');
  try {
    sendUnixDatagram(path, Buffer.from(state));
  } catch (error) {
    process.stderr.write(`weftd: systemd was not told ${state}: ${errorMessage(error)}\n`);
  }
}
