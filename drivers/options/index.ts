/** Reading `-o key=value` maps: the same rules and messages for every driver. Layer: drivers (pure). */
export { optional } from './optional.ts';
export { OptionReader } from './reader.ts';
