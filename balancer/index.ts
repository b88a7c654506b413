/**
 * Services and their virtual IPs: how a container declares one, and a pure plan from services and backends to nft
 * objects for a network namespace. Not here: who the backends are, whether they answer, and the kernel.
 * Layer: imports core only.
 */
export * from './declare/index.ts';
export * from './plan/index.ts';
