import { endpointBody, type Mapping, ports } from './requests.ts';
import type { JoinAnswer, Sandbox } from './sandbox.ts';
import type { WeftdProcess } from './weftd-process.ts';

/** What an engine would make: an endpoint with addresses, and the sandbox's ports. */
export interface Attached {
  readonly network: string;
  readonly id: string;
  readonly ipv4?: string;
  readonly ipv6?: string;
  readonly mac?: string;
  readonly mappings?: readonly Mapping[];
}

/**
 * What an engine does when a container starts on a network: CreateEndpoint, Join, plumbing and, where `mappings` are
 * given, ProgramExternalConnectivity. Gives Join's answer and the name of the link in the sandbox.
 */
export async function attach(
  weftd: WeftdProcess,
  sandbox: Sandbox,
  endpoint: Attached,
): Promise<{ readonly join: JoinAnswer; readonly name: string }> {
  const { network, id, mappings } = endpoint;
  const created = (await weftd.net('CreateEndpoint', endpointBody(endpoint))) as {
    readonly Interface?: { readonly MacAddress: string };
  };
  const ids = { NetworkID: network, EndpointID: id };
  const options = ports(mappings ?? []);
  const join = (await weftd.net('Join', {
    ...ids,
    SandboxKey: sandbox.key,
    Options: options,
  })) as unknown as JoinAnswer;
  const mac = endpoint.mac ?? created.Interface?.MacAddress;
  const name = sandbox.plumb(join, { ...endpoint, ...(mac === undefined ? {} : { mac }) });
  if (mappings !== undefined) await weftd.net('ProgramExternalConnectivity', { ...ids, Options: options });
  return { join, name };
}
