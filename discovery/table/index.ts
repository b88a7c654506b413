/** The name table: records of endpoints and services in, answers out. Pure; knows neither messages nor sockets. */
export { NameTable, type TableAnswer, type TableQuestion } from './name-table.ts';
export { addressOfReverseName, reverseName } from './reverse-name.ts';
