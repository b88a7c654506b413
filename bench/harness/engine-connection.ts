import { EngineApi } from '../../test/lab/engine-api.ts';
import { DockerClient, type Host } from '../../test/lab/index.ts';

/** Another connection to a host's Engine: one carries a request at a time, and the host's own is one. */
export class EngineConnection implements AsyncDisposable {
  readonly docker: DockerClient;
  readonly #api: EngineApi;

  constructor(host: Host) {
    this.#api = new EngineApi(host.path('/run/docker.sock'));
    this.docker = new DockerClient(this.#api, {
      exec: (argv, options) => host.exec(argv, options),
      tryExec: (argv, options) => host.tryExec(argv, options),
      spawn: (argv) => host.spawn(argv),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#api[Symbol.asyncDispose]();
  }
}
