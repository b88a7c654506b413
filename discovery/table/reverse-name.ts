import { familyOf, type Ip, ipFromBytes, ipToBytes } from '../../core/address.ts';

const V4 = '.in-addr.arpa';
const V6 = '.ip6.arpa';

/**
 * The address that a reverse name stands for (RFC 1035 section 3.5, RFC 3596 section 2.5); undefined for any other
 * name, parts of an address among them.
 * @param name in lower case, without a dot at its end.
 */
export function addressOfReverseName(name: string): Ip | undefined {
  if (name.endsWith(V4)) return fromLabels(name.slice(0, -V4.length).split('.'), 4);
  if (name.endsWith(V6)) return fromLabels(name.slice(0, -V6.length).split('.'), 6);
  return undefined;
}

/** The name that asks who has an address: the reverse of `addressOfReverseName`. */
export function reverseName(ip: Ip): string {
  const bytes = Buffer.from(ipToBytes(ip));
  return familyOf(ip) === 4
    ? `${[...bytes].reverse().join('.')}${V4}`
    : `${[...bytes.toString('hex')].reverse().join('.')}${V6}`;
}

function fromLabels(labels: readonly string[], family: 4 | 6): Ip | undefined {
  const reversed = labels.toReversed();
  if (family === 4) {
    const fits = reversed.length === 4 && reversed.every((each) => /^(0|[1-9]\d{0,2})$/.test(each));
    const bytes = reversed.map(Number);
    return fits && bytes.every((byte) => byte < 256) ? ipFromBytes(Uint8Array.from(bytes)) : undefined;
  }
  if (reversed.length !== 32 || !reversed.every((each) => /^[0-9a-f]$/.test(each))) return undefined;
  return ipFromBytes(Buffer.from(reversed.join(''), 'hex'));
}
