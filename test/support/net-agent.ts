import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { ScratchNamespace } from './scratch-namespace.ts';

/** A process inside a namespace that serves and connects: net-agent-main.ts says what it can do. */
export interface NetAgent extends Disposable {
  /** @throws {Error} with what the agent said when the operation fails. */
  run<T = unknown>(op: string, args?: object): Promise<T>;
}

export function openNetAgent(namespace: ScratchNamespace): NetAgent {
  const main = fileURLToPath(new URL('./net-agent-main.ts', import.meta.url));
  const child = spawn('nsenter', [`--net=${namespace.path}`, process.execPath, main], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const waiting = new Map<number, (answer: { result?: unknown; error?: string }) => void>();
  child.on('message', (answer: { id: number; result?: unknown; error?: string }) => {
    waiting.get(answer.id)?.(answer);
    waiting.delete(answer.id);
  });
  child.on('exit', (code) => {
    for (const settle of waiting.values()) settle({ error: `the agent has ended: ${code}` });
  });
  let last = 0;
  return {
    run: <T>(op: string, args: object = {}) => {
      const id = ++last;
      return new Promise<T>((resolve, reject) => {
        waiting.set(id, ({ result, error }) =>
          error === undefined ? resolve(result as T) : reject(new Error(`${op}: ${error}`)),
        );
        child.send({ id, op, args });
      });
    },
    [Symbol.dispose]: () => {
      if (child.connected) child.disconnect();
    },
  };
}
