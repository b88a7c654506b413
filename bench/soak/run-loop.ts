import { EngineApi } from '../../test/lab/engine-api.ts';
import { type ContainerSpec, DockerClient } from '../../test/lab/index.ts';

/** One container from create to removed. */
export interface Run {
  readonly ms: number;
  readonly error?: string;
}

/**
 * What `docker run --rm` does, over a connection of its own, again and again until the time (performance.now()) has
 * come; at least once.
 */
export async function runLoop(
  socketPath: string,
  spec: ContainerSpec,
  until: number,
  report: (run: Run) => void,
): Promise<void> {
  const api = new EngineApi(socketPath);
  const nowhere = () => Promise.reject(new Error('loops run nothing in the host'));
  const docker = new DockerClient(api, { exec: nowhere, tryExec: nowhere, spawn: nowhere });
  try {
    do report(await runOnce(docker, spec));
    while (performance.now() < until);
  } finally {
    await api[Symbol.asyncDispose]();
  }
}

async function runOnce(docker: DockerClient, spec: ContainerSpec): Promise<Run> {
  const started = performance.now();
  const elapsed = () => performance.now() - started;
  try {
    const container = await docker.createContainer(spec);
    try {
      await container.start();
      const code = await container.wait();
      if (code !== 0)
        return { ms: elapsed(), error: `${spec.name}: exit code ${code}: ${await container.logs()}` };
    } finally {
      await container.remove();
    }
    return { ms: elapsed() };
  } catch (error) {
    return { ms: elapsed(), error: `${spec.name}: ${error instanceof Error ? error.message : error}` };
  }
}
