import './start-flags.ts';

const { runWeftd } = await import('./run.ts');
process.exitCode = await runWeftd(process.argv.slice(2), process.env);
