import '../../../daemon/start-flags.ts';

await import('./faulty-weftd.ts');
