/**
 * The resolver process put together: sockets in sandboxes, what weftd tells, what is on disk. The only folder of
 * discovery that reaches the kernel.
 */
export { runResolver } from './run.ts';
