import { Type } from 'typebox';
import { MOST_WEIGHT } from '../service.ts';
import { body, count, list, resource, text, time, type View } from './schema.ts';

/** Part of a ServiceView. */
export const ServicePortView = resource('ServicePortView', 'A port of a service.', {
  protocol: Type.Enum(['tcp', 'udp', 'sctp']),
  port: Type.Integer({ minimum: 1, maximum: 65535, description: 'Where clients connect.' }),
  target: Type.Integer({ minimum: 1, maximum: 65535, description: 'Where backends listen.' }),
  name: Type.Optional(text('Name in SRV questions, besides the number.')),
});
export type ServicePortView = View<typeof ServicePortView>;

const settings = {
  health: Type.Optional(text('How backends are examined that do not say themselves: tcp:80, http:80/path.')),
  select: Type.Optional(text('Endpoints with this name are backends, besides those that declare it.')),
  weights: Type.Record(Type.String(), Type.Integer({ minimum: 0, maximum: MOST_WEIGHT }), {
    description: 'Set by hand, by container name or endpoint id; before what a backend declares.',
  }),
};

const service = {
  name: text('Its name: lower case.'),
  network: text("The network's cluster-wide name, for an overlay network; otherwise its Docker id here."),
  networkName: Type.Optional(text('Network name, once known.')),
  vip4: Type.Optional(text('Virtual IPv4 address.')),
  vip6: Type.Optional(text('Virtual IPv6 address.')),
  ports: list(ServicePortView, 'Empty: every port, unchanged.'),
  affinity: Type.Enum(['none', 'client'], { description: 'client: a client keeps its backend.' }),
  affinityTimeoutSeconds: Type.Optional(
    count('How long a client is remembered. Absent: its address decides, nothing is remembered.'),
  ),
  ...settings,
  origin: Type.Enum(['label', 'api'], {
    description: 'label: containers declare it, and it goes with the last of them. api: made by hand.',
  }),
  createdAt: time('When it was first declared or made.'),
  unusedSince: Type.Optional(time('Since when nobody declares it any more.')),
  backendCount: count('Backends, on all hosts.'),
  readyCount: count('Those of them that are given new connections.'),
};

/** Items of GET /v1/services. */
export const ServiceView = resource(
  'ServiceView',
  'A name with a virtual IP and backends behind it.',
  service,
);
export type ServiceView = View<typeof ServiceView>;

/** Part of a ServiceDetail. */
export const BackendView = resource('BackendView', 'A container behind a service.', {
  endpoint: text("Docker's endpoint id."),
  name: Type.Optional(text('Container name, once known.')),
  node: text('Its host.'),
  ipv4: Type.Optional(text('Address, without prefix length.')),
  ipv6: Type.Optional(text('Address, without prefix length.')),
  state: Type.Enum(['starting', 'ready', 'draining', 'failing'], {
    description:
      'ready: takes connections. draining: keeps the ones it has. failing: its probe or Docker says so.',
  }),
  weight: Type.Integer({
    minimum: 0,
    maximum: MOST_WEIGHT,
    description: "Its share of new connections beside the others'; 0: none.",
  }),
  connections: Type.Optional(
    count('Connections by clients on this host, since the counters were made. Absent: not counted.'),
  ),
  packets: Type.Optional(count('Packets of these, both ways. Absent: not counted.')),
  bytes: Type.Optional(count('Bytes of these, both ways. Absent: not counted.')),
});
export type BackendView = View<typeof BackendView>;

/** GET /v1/services/{network}/{name}, and what changes of a service answer with. */
export const ServiceDetail = resource('ServiceDetail', 'A service and its backends.', {
  ...service,
  backends: list(BackendView, 'In the order of their endpoint ids.'),
});
export type ServiceDetail = View<typeof ServiceDetail>;

const value = (description: string) => Type.String({ maxLength: 1024, description });
const given = {
  ports: Type.Optional(
    list(value('80, 80:8080 or 53/udp, as in weft.service.port.'), 'Empty: every port, unchanged.'),
  ),
  affinity: Type.Optional(value('none or client.')),
  affinityTimeout: Type.Optional(value('30s, 10m or 2h. Empty: nothing is remembered.')),
  health: Type.Optional(value('tcp:PORT or http:PORT/PATH. Empty: none.')),
  select: Type.Optional(value('A container name, alias or Compose service. Empty: none.')),
  weights: Type.Optional(
    Type.Record(Type.String(), value('0–1000; 0 drains. Empty: what the backend declares.'), {
      description: 'By container name or endpoint id.',
    }),
  ),
};

/** Body of POST /v1/services. */
export const ServiceRequest = body('ServiceRequest', 'A service to make. Values are texts, as in labels.', {
  network: value('Id, id prefix or name.'),
  name: value('1–63 letters, digits, "-" or "_".'),
  ...given,
});
export type ServiceRequest = View<typeof ServiceRequest>;

/** Body of PATCH /v1/services/{network}/{name}. */
export const ServiceChange = body(
  'ServiceChange',
  'What is to be other than it is. Values are texts, as in labels; of weights those given change.',
  given,
);
export type ServiceChange = View<typeof ServiceChange>;
