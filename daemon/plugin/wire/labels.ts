/** Keys of Docker's in `Options` objects (libnetwork netlabel/labels.go). */

/** Everything Docker reserves for itself. */
export const DOCKER_PREFIX = 'com.docker.network.';
/** The user's `-o` options: a map of text. */
export const GENERIC = 'com.docker.network.generic';
/** Boolean; absent before Engine 28, where it means true. */
export const ENABLE_IPV4 = 'com.docker.network.enable_ipv4';
/** Boolean. */
export const ENABLE_IPV6 = 'com.docker.network.enable_ipv6';
/** Boolean; absent when false, mostly. */
export const INTERNAL = 'com.docker.network.internal';
/** Array of `{Proto, Port}`. */
export const EXPOSED_PORTS = 'com.docker.network.endpoint.exposedports';
/** Array of `{Proto, IP, Port, HostIP, HostPort, HostPortEnd}`. */
export const PORT_MAP = 'com.docker.network.portmap';
/** The MAC again, in base64: `Interface.MacAddress` has it as text. */
export const ENDPOINT_MAC = 'com.docker.network.endpoint.macaddress';
