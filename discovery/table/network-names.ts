import type { Ip } from '../../core/address.ts';
import type { EndpointNames, ServiceNames } from '../../core/naming.ts';
import type { AnswerData } from '../record.ts';
import { isDnsName } from './dns-name.ts';
import { Holders } from './holders.ts';

const TASKS = 'tasks.';
const SRV = /^_([^.]+)\._([^.]+)\.(.+)$/;

/** The names of one network. What each call costs does not depend on how many names there are. */
export class NetworkNames {
  readonly #names = new Map<string, Holders>();
  /** Names by address and holder; the holder that came last is the one that has the address. */
  readonly #addresses = new Map<Ip, Map<string, string>>();
  /** What may follow a name: what Docker calls the network on each host, each with how many endpoints say so. */
  readonly #suffixes = new Map<string, number>();

  get isEmpty(): boolean {
    return this.#names.size === 0 && this.#suffixes.size === 0;
  }

  add(record: EndpointNames): void {
    const { endpoint } = record;
    for (const suffix of suffixesOf(record))
      this.#suffixes.set(suffix, (this.#suffixes.get(suffix) ?? 0) + 1);
    for (const name of record.names) this.#at(name)?.endpoints.set(endpoint, record);
    if (record.service !== undefined) this.#at(record.service.name)?.backends.set(endpoint, record);
    const [own] = record.names.filter(isDnsName);
    if (own === undefined) return;
    const full = `${own}.${record.networkName.toLowerCase()}`;
    this.#claim([record.ipv4, record.ipv6], `endpoint ${endpoint}`, isDnsName(full) ? full : own);
  }

  /** @param record exactly as it was added. */
  remove(record: EndpointNames): void {
    const { endpoint } = record;
    for (const suffix of suffixesOf(record)) {
      const count = (this.#suffixes.get(suffix) ?? 0) - 1;
      if (count > 0) this.#suffixes.set(suffix, count);
      else this.#suffixes.delete(suffix);
    }
    for (const name of record.names) {
      this.#names.get(name)?.endpoints.delete(endpoint);
      this.#tidy(name);
    }
    if (record.service !== undefined) {
      this.#names.get(record.service.name)?.backends.delete(endpoint);
      this.#tidy(record.service.name);
    }
    this.#disclaim([record.ipv4, record.ipv6], `endpoint ${endpoint}`);
  }

  addService(service: ServiceNames): void {
    const holders = this.#at(service.name);
    if (holders === undefined) return;
    holders.service = service;
    this.#claim([service.vip4, service.vip6], `service ${service.name}`, service.name);
  }

  /** @param service exactly as it was added. */
  removeService(service: ServiceNames): void {
    const holders = this.#names.get(service.name);
    if (holders !== undefined) holders.service = undefined;
    this.#tidy(service.name);
    this.#disclaim([service.vip4, service.vip6], `service ${service.name}`);
  }

  nameOf(ip: Ip): string | undefined {
    return [...(this.#addresses.get(ip)?.values() ?? [])].at(-1);
  }

  /** The answers to a question, empty where the name has no such record; undefined when it is no name here. */
  resolve(name: string, type: string): readonly AnswerData[] | undefined {
    const plain = this.#resolve(name, '', type);
    if (plain !== undefined) return plain;
    for (const network of this.#suffixes.keys()) {
      const suffix = `.${network}`;
      if (!name.endsWith(suffix)) continue;
      const answers = this.#resolve(name.slice(0, -suffix.length), suffix, type);
      if (answers !== undefined) return answers;
    }
    return undefined;
  }

  #resolve(name: string, suffix: string, type: string): readonly AnswerData[] | undefined {
    const holders = this.#names.get(name);
    if (holders !== undefined) return isAddressType(type) ? holders.addresses(type) : [];
    if (name.startsWith(TASKS)) {
      const backends = this.#names.get(name.slice(TASKS.length));
      if (backends !== undefined) return isAddressType(type) ? backends.tasks(type) : [];
    }
    return name.startsWith('_') ? this.#ports(name, suffix, type) : undefined;
  }

  #ports(name: string, suffix: string, type: string): readonly AnswerData[] | undefined {
    const [, port = '', protocol = '', own = ''] = SRV.exec(name) ?? [];
    const question = { port, protocol };
    const holders = this.#names.get(own);
    if (holders !== undefined) return type === 'SRV' ? holders.ports(question, own, suffix) : [];
    if (!own.startsWith(TASKS)) return undefined;
    const backends = this.#names.get(own.slice(TASKS.length));
    if (backends === undefined) return undefined;
    return type === 'SRV' ? backends.taskPorts(question, suffix) : [];
  }

  #at(name: string): Holders | undefined {
    if (!isDnsName(name)) return undefined;
    const known = this.#names.get(name);
    if (known !== undefined) return known;
    const made = new Holders();
    this.#names.set(name, made);
    return made;
  }

  #tidy(name: string): void {
    if (this.#names.get(name)?.isEmpty === true) this.#names.delete(name);
  }

  #claim(ips: readonly (Ip | undefined)[], holder: string, name: string): void {
    for (const ip of ips) {
      if (ip === undefined) continue;
      const claims = this.#addresses.get(ip) ?? new Map<string, string>();
      claims.set(holder, name);
      this.#addresses.set(ip, claims);
    }
  }

  #disclaim(ips: readonly (Ip | undefined)[], holder: string): void {
    for (const ip of ips) {
      if (ip === undefined) continue;
      const claims = this.#addresses.get(ip);
      claims?.delete(holder);
      if (claims?.size === 0) this.#addresses.delete(ip);
    }
  }
}

function suffixesOf(record: EndpointNames): ReadonlySet<string> {
  return new Set([record.networkName.toLowerCase(), record.network.toLowerCase()]);
}

function isAddressType(type: string): type is 'A' | 'AAAA' {
  return type === 'A' || type === 'AAAA';
}
