/** The name table: records of endpoints and services in, answers out. Pure; knows neither messages nor sockets. */
export { NameTable } from './name-table.ts';
export { reverseName } from './reverse-name.ts';
