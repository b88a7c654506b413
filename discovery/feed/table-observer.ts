import type { NameTable } from '../table/index.ts';
import type { Fact } from './fact.ts';
import type { FactObserver } from './facts.ts';

/** Keeps a name table at what is known. */
export function tableObserver(table: NameTable): FactObserver {
  return {
    put: (fact) => putInto(table, fact),
    drop: (fact) => dropFrom(table, fact),
  };
}

function putInto(table: NameTable, fact: Fact): void {
  switch (fact.kind) {
    case 'endpoint':
      table.putEndpoint(fact.endpoint);
      break;
    case 'service':
      table.putService(fact.service);
      break;
    case 'ttl':
      table.setTtl(fact.network, fact.seconds);
      break;
    case 'sandbox':
      break;
  }
}

function dropFrom(table: NameTable, fact: Fact): void {
  switch (fact.kind) {
    case 'endpoint':
      table.dropEndpoint(fact.endpoint.endpoint);
      break;
    case 'service':
      table.dropService(fact.service.network, fact.service.name);
      break;
    case 'ttl':
      table.setTtl(fact.network, undefined);
      break;
    case 'sandbox':
      break;
  }
}
