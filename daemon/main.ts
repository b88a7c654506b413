import { enableCompileCache } from 'node:module';

/*
 * The entry is kept apart from what it starts, so that the compile cache is on before the first large module is read.
 */
enableCompileCache();
const { runWeftd } = await import('./run.ts');
process.exitCode = await runWeftd(process.argv.slice(2), process.env);
