import { Type } from 'typebox';
import { BindingView } from './port.ts';
import { list, resource, text, time, type View } from './schema.ts';

/** GET /v1/endpoints/{ref} and items of GET /v1/endpoints. */
export const EndpointView = resource('EndpointView', 'An endpoint: one container in one network.', {
  id: text("Docker's endpoint id."),
  name: Type.Optional(text('Container name, once known.')),
  node: Type.Optional(text('The host it is on. Absent for an endpoint of this host.')),
  network: text('Network id; the cluster-wide name, for an endpoint of a network that this host has not.'),
  networkName: Type.Optional(text('Network name, once known.')),
  ipv4: Type.Optional(text('Address with prefix length.')),
  ipv6: Type.Optional(text('Address with prefix length.')),
  mac: Type.Optional(text('MAC address. Absent where the driver has no link.')),
  link: Type.Optional(text('Host end of its link.')),
  sandbox: Type.Optional(text('Network namespace file. Absent while it is in no sandbox.')),
  names: Type.Optional(
    list(Type.String(), 'Names it is found by: container, aliases, Compose service. Once known.'),
  ),
  services: Type.Optional(list(Type.String(), 'Services it is a backend of. Absent: of none.')),
  backendState: Type.Optional(
    Type.Enum(['starting', 'ready', 'draining', 'failing'], {
      description: 'As a backend: ready takes connections. Absent where it is none.',
    }),
  ),
  ports: list(BindingView, 'Published ports.'),
  state: Type.Enum(['created', 'joined', 'external', 'deleting', 'remote'], {
    description:
      'external: joined, and it carries the default route and the published ports. remote: in a sandbox of another host.',
  }),
  createdAt: Type.Optional(time('When Docker created it. Absent for an endpoint of another host.')),
});
export type EndpointView = View<typeof EndpointView>;
