import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand } from './command.ts';

/** Files of one authority and of what it signed. */
export interface EtcdCertificates {
  readonly ca: string;
  readonly server: { readonly cert: string; readonly key: string };
  readonly client: { readonly cert: string; readonly key: string };
}

/** Makes an authority, a server certificate for `addresses` and a client certificate in `folder`, with openssl. */
export async function makeCertificates(
  folder: string,
  addresses: readonly string[],
): Promise<EtcdCertificates> {
  const ca = join(folder, 'ca.pem');
  const caKey = join(folder, 'ca-key.pem');
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  await runCommand([
    ...['openssl', 'req', '-x509', ...newKey, '-days', '2', '-subj', '/CN=weft lab'],
    ...['-keyout', caKey, '-out', ca],
  ]);
  const sign = async (name: string, usage: string, names: readonly string[]) => {
    const [cert, key, request, extensions] = ['.pem', '-key.pem', '.csr', '.ext'].map((end) =>
      join(folder, `${name}${end}`),
    ) as [string, string, string, string];
    const lines = [`extendedKeyUsage=${usage}`];
    if (names.length > 0) lines.push(`subjectAltName=${names.map((each) => `IP:${each}`).join(',')}`);
    await writeFile(extensions, `${lines.join('\n')}\n`);
    await runCommand(['openssl', 'req', ...newKey, '-subj', `/CN=${name}`, '-keyout', key, '-out', request]);
    await runCommand([
      ...['openssl', 'x509', '-req', '-in', request, '-CA', ca, '-CAkey', caKey, '-CAcreateserial'],
      ...['-days', '2', '-extfile', extensions, '-out', cert],
    ]);
    return { cert, key };
  };
  // etcd's gateway is a client of its own server, with the server's certificate.
  const server = await sign('server', 'serverAuth,clientAuth', addresses);
  return { ca, server, client: await sign('client', 'clientAuth', []) };
}

/** The client's side as `openEtcdStore` takes it: the files' contents. */
export async function clientTls(certificates: EtcdCertificates): Promise<{
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}> {
  const { ca, client } = certificates;
  const [caText, cert, key] = await Promise.all(
    [ca, client.cert, client.key].map((file) => readFile(file, 'utf8')),
  );
  return { ca: caText ?? '', cert: cert ?? '', key: key ?? '' };
}
