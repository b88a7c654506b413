/** How many tests passed and failed. A check counts as one; so does each subtest at the top level of a tap file. */
export interface Count {
  readonly passed: number;
  readonly failed: number;
}

export function sum(counts: readonly Count[]): Count {
  return {
    passed: counts.reduce((total, { passed }) => total + passed, 0),
    failed: counts.reduce((total, { failed }) => total + failed, 0),
  };
}

/** One line about something that was run. */
export function show(name: string, ok: boolean, seconds: number, detail: string): void {
  process.stdout.write(`${ok ? 'ok  ' : 'FAIL'} ${name} ${detail}(${seconds.toFixed(1)} s)\n`);
}
