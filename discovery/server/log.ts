/** What the resolver needs of a logger; pino's loggers fit. */
export interface DiscoveryLog {
  debug(context: object, message: string): void;
  warn(context: object, message: string): void;
  error(context: object, message: string): void;
}
