import { join } from 'node:path';
import { CHECKOUT } from '../lab/paths.ts';

/** Programs that tests start, as paths in a checkout without ending. */
export const PROGRAMS = {
  weftd: 'daemon/main',
  weft: 'cli/main',
  weftdWithFaults: 'test/system/faults/weftd-with-faults',
} as const;

/** Where the test run has built the programs as for a release; absent: this checkout's sources are run. */
export const BUILT = process.env['WEFT_TEST_BUILD'];

/** What node runs as a program. */
export function programPath(program: keyof typeof PROGRAMS): string {
  const name = PROGRAMS[program];
  return BUILT === undefined ? join(CHECKOUT, `${name}.ts`) : join(BUILT, `${name}.js`);
}
