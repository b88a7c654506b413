import type { NetworkRequest } from '../../core/model.ts';
import { OptionReader } from '../options/index.ts';

/** weft-none has no options of its own. */
export interface NoneOptions {
  readonly ignored: readonly string[];
}

/** @throws {InvalidArgument} for any key that is not Docker's. */
export function parseNoneOptions(request: NetworkRequest): NoneOptions {
  return { ignored: new OptionReader(request.options, 'weft-none').finish() };
}
