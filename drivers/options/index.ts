/** Reading `-o key=value` maps: the same rules and messages for every driver. Layer: drivers (pure). */
export { OptionReader } from './reader.ts';
