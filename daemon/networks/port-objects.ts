import { familyOf } from '../../core/address.ts';
import { deletions } from '../../core/diff.ts';
import { errorMessage } from '../../core/errors.ts';
import { type KernelObject, keyOf } from '../../core/kernel-objects.ts';
import type { Endpoint, PublishedPort } from '../../core/model.ts';
import type { FlowFilter, Kernel } from '../../core/ports.ts';
import type { Context } from './context.ts';

/** The part of an endpoint's plan that ProgramExternalConnectivity adds. */
export function portObjects(objects: readonly KernelObject[]): readonly KernelObject[] {
  return objects.filter((object) => object.kind === 'element' && object.family !== 'netdev');
}

const WITHDRAWN: ReadonlySet<KernelObject['kind']> = new Set(['element', 'shortcut', 'route']);

/** What is in the kernel's rules and routes for one plan of an endpoint and not for another; links stay for Docker. */
export function rulesWithout(
  before: readonly KernelObject[],
  after: readonly KernelObject[],
): readonly KernelObject[] {
  const kept = new Set(after.map(keyOf));
  return before.filter((object) => WITHDRAWN.has(object.kind) && !kept.has(keyOf(object)));
}

/**
 * Takes an endpoint's ports out of the kernel and lets go of them. Docker ignores errors of the calls that end here,
 * so the reconciler gets what fails.
 */
export async function withdrawPorts(
  { kernel, publisher, log }: Context,
  endpoint: Endpoint,
  objects: readonly KernelObject[],
): Promise<void> {
  const { id } = endpoint.request;
  try {
    if (objects.length > 0) await kernel.apply(deletions(objects));
    await forgetUdpFlows(kernel, endpoint.published);
  } catch (error) {
    log.error({ endpointId: id, error: errorMessage(error) }, 'ports are only partly gone; reconciling');
  }
  publisher.release(id);
}

/** A UDP flow keeps the translation it began with for as long as packets come (conntrack), so it must be ended. */
export async function forgetUdpFlows(kernel: Kernel, published: readonly PublishedPort[]): Promise<void> {
  const filters = published
    .filter((port) => port.protocol === 'udp')
    .map(
      (port): FlowFilter => ({
        family: familyOf(port.hostIp),
        protocol: 'udp',
        originalPort: port.hostPort,
      }),
    );
  if (filters.length > 0) await kernel.forgetFlows(filters);
}
