import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['{engine,cli,benchmarks,profiles}/**/*.test.ts'],
    exclude: ['**/node_modules/**', 'benchmarks/peers/**'],
    pool: 'forks',
    execArgv: ['--expose-gc'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
