import { join, resolve } from 'node:path';

const CHECKOUT = resolve(import.meta.dirname, '../..');

/** Programs that tests start, as paths in a checkout without ending. */
export const PROGRAMS = {
  weftd: 'daemon/main',
  weft: 'cli/main',
  weftdWithFaults: 'test/system/faults/weftd-with-faults',
} as const;

/** What node runs as a program: as built for a release where the test run has done so, else this checkout's sources. */
export function programPath(program: keyof typeof PROGRAMS): string {
  const built = process.env['WEFT_TEST_BUILD'];
  const name = PROGRAMS[program];
  return built === undefined || built === '' ? join(CHECKOUT, `${name}.ts`) : join(built, `${name}.js`);
}
