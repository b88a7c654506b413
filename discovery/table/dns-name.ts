const MAX_LABEL = 63;
/** 255 bytes on the wire: a length before each label and the root's zero (RFC 1035 section 2.3.4). */
const MAX_NAME = 253;

/**
 * Whether a name, without a dot at its end, can be asked for at all. Docker takes longer labels and empty ones
 * (`a..b`) for container names; nobody can ask for those.
 */
export function isDnsName(name: string): boolean {
  if (name.length === 0 || Buffer.byteLength(name) > MAX_NAME) return false;
  return name.split('.').every((label) => label.length > 0 && Buffer.byteLength(label) <= MAX_LABEL);
}
