import type { Logger } from 'pino';

export type ResolverLog = Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>;
