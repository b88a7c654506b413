import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['**/*.test.ts'],
    exclude: ['node_modules/**', 'dist/**', '.tools/**', '.tap/**'],
    testTimeout: 30_000,
    // Half of all the processor's time went into reading the same modules for each file.
    isolate: false,
    // They wait most of their time.
    maxWorkers: 3,
  },
});
