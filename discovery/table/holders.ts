import type { EndpointId } from '../../core/ids.ts';
import type { EndpointNames, ServiceNames } from '../../core/naming.ts';
import type { ServicePort } from '../../core/service.ts';
import type { AnswerData } from '../record.ts';
import { Rotation } from './rotation.ts';

/** A port as an SRV question names it: `_http._tcp`. */
export interface PortQuestion {
  readonly port: string;
  readonly protocol: string;
}

/** All that has one name on one network. */
export class Holders {
  readonly endpoints = new Map<EndpointId, EndpointNames>();
  readonly backends = new Map<EndpointId, EndpointNames>();
  service: ServiceNames | undefined;
  readonly #rotation = new Rotation();

  get isEmpty(): boolean {
    return this.endpoints.size === 0 && this.backends.size === 0 && this.service === undefined;
  }

  /** What the name itself stands for: the service's own address if it has one, else whoever has the name. */
  addresses(type: 'A' | 'AAAA'): readonly AnswerData[] {
    if (!this.#hasVip()) {
      const holders = this.backends.size > 0 ? inService(this.backends) : [...this.endpoints.values()];
      return this.#rotation.next(type, addressesOf(holders, type));
    }
    const vip = type === 'A' ? this.service?.vip4 : this.service?.vip6;
    return vip === undefined ? [] : [{ type, ip: vip }];
  }

  /** Addresses of the backends; of the endpoints where the name is not a service's. */
  tasks(type: 'A' | 'AAAA'): readonly AnswerData[] {
    return this.#rotation.next(`tasks ${type}`, addressesOf(this.#tasks(), type));
  }

  /** @param own the name as it was asked for; `suffix` what followed it: empty, or a dot and the network. */
  ports(question: PortQuestion, own: string, suffix: string): readonly AnswerData[] {
    if (!this.#hasVip()) return this.taskPorts(question, suffix);
    return matching(this.service?.ports ?? [], question).map(({ port }) => ({
      type: 'SRV',
      port,
      target: own + suffix,
    }));
  }

  /** One answer for each backend, at the port where it listens. */
  taskPorts(question: PortQuestion, suffix: string): readonly AnswerData[] {
    const answers = this.#tasks().flatMap(({ names, service }) => {
      const [own] = names;
      if (own === undefined) return [];
      return matching(service?.ports ?? [], question).map(
        ({ target }): AnswerData => ({ type: 'SRV', port: target, target: own + suffix }),
      );
    });
    return this.#rotation.next(`${question.port} ${question.protocol}`, answers);
  }

  #tasks(): readonly EndpointNames[] {
    return inService(this.backends.size > 0 ? this.backends : this.endpoints);
  }

  #hasVip(): boolean {
    return this.service?.vip4 !== undefined || this.service?.vip6 !== undefined;
  }
}

/** Those ready for work; all when none is, since a name must not vanish while its backends start. */
function inService(holders: ReadonlyMap<EndpointId, EndpointNames>): readonly EndpointNames[] {
  const all = [...holders.values()];
  const ready = all.filter((each) => each.ready);
  return ready.length > 0 ? ready : all;
}

function addressesOf(holders: readonly EndpointNames[], type: 'A' | 'AAAA'): readonly AnswerData[] {
  return holders.flatMap(({ ipv4, ipv6 }) => {
    const ip = type === 'A' ? ipv4 : ipv6;
    return ip === undefined ? [] : [{ type, ip }];
  });
}

function matching(ports: readonly ServicePort[], question: PortQuestion): readonly ServicePort[] {
  return ports.filter(
    ({ protocol, port, name }) =>
      protocol === question.protocol && (String(port) === question.port || name === question.port),
  );
}
