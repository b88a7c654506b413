import { type Ip, parseIp } from '../../core/address.ts';
import type { ElementObject, HostState } from '../../core/kernel-objects.ts';
import type { PublishedPort } from '../../core/model.ts';
import type { Protocol } from '../../core/ports.ts';

/**
 * The ports the kernel translates to one of `targets` now: what ProgramExternalConnectivity once chose, ephemeral
 * ports included. Inverse of the plan's elements in the sets `ports` and `ports-any`.
 */
export function publishedInKernel(state: HostState, targets: readonly Ip[]): readonly PublishedPort[] {
  const published: PublishedPort[] = [];
  for (const object of state.values()) {
    const port = object.kind === 'element' ? publishedPort(object) : undefined;
    if (port !== undefined && targets.includes(port.containerIp)) published.push(port);
  }
  return published;
}

function publishedPort({ family, set, key, data }: ElementObject): PublishedPort | undefined {
  const [containerIp, containerPort] = data ?? [];
  if (containerIp === undefined || containerPort === undefined) return undefined;
  const any = family === 'ip' ? '0.0.0.0' : '::';
  const [protocol, host, port] = set === 'ports' ? key : [key[0], any, key[1]];
  if ((set !== 'ports' && set !== 'ports-any') || host === undefined) return undefined;
  return {
    protocol: protocol as Protocol,
    hostIp: parseIp(host, 'host'),
    hostPort: Number(port),
    containerIp: parseIp(containerIp, 'container'),
    containerPort: Number(containerPort),
  };
}
