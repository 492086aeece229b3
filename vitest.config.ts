import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    reporters: ['default', './test/closing-line.ts'],
    // Daemons and properties share two cores with whatever else runs: a test ends by what it waits for, not by this.
    testTimeout: 120_000,
    hookTimeout: 60_000,
  },
});
