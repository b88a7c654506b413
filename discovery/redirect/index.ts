/** The rules that bring a sandbox's queries to weft's resolver, as data. */
export {
  ASKING_ADDRESS,
  EMBEDDED_RESOLVER,
  REDIRECT_TABLE,
  type RedirectPorts,
  redirectTable,
} from './redirect-table.ts';
