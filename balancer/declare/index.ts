/**
 * What endpoints declare of the services they belong to, from driver options and labels, and what holds when several
 * declare one. Layer: imports core only.
 */
export {
  formatHealth,
  parseAffinity,
  parseDeclaration,
  parseHealth,
  parseServiceName,
  parseWeight,
  SERVICE_KEYS,
} from './declaration.ts';
export {
  type DeclarationDifference,
  type Declared,
  type MergedDeclaration,
  mergeDeclarations,
} from './merge.ts';
export { formatServicePorts, parseServicePorts } from './ports.ts';
