/**
 * Sysctls as text below /proc/sys, asynchronously, in the process' own namespaces. Which ones weft needs is the
 * drivers' plan. Part of the kernel layer.
 */
export { readSysctls, writeSysctl } from './sysctl.ts';
