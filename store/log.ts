/** Where a store tells what an operator may want to know; pino's loggers fit. */
export interface StoreLog {
  info(context: object, message: string): void;
  warn(context: object, message: string): void;
}
