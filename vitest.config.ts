import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

/*
 * Tests of processes in real time: connections that are idle for long, clusters that lose brokers, loads whose rates and
 * latencies are looked at. What runs beside them would be measured too, so they run one at a time, after the others.
 */
const ALONE = [
  'engine/{broker,cluster,embedded,wire}/**/*.test.ts',
  'engine/log/restart-crash.test.ts',
  'engine/scenarios/{chaos-campaign,cluster-failures,cluster-faults,faults,faults-machine,group-faults}.test.ts',
  'benchmarks/*.test.ts',
  'benchmarks/{load,run,targets,speed,micro}/**/*.test.ts',
];

export default defineConfig({
  test: {
    exclude: ['**/node_modules/**', 'benchmarks/peers/**'],
    pool: 'forks',
    execArgv: ['--expose-gc'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'side by side',
          include: ['{engine,cli,benchmarks,profiles}/**/*.test.ts'],
          exclude: ['**/node_modules/**', 'benchmarks/peers/**', ...ALONE],
          // Many only wait for a program that they have started.
          maxWorkers: Math.max(2, availableParallelism() - 1),
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: { name: 'alone', include: ALONE, maxWorkers: 1, sequence: { groupOrder: 1 } },
      },
    ],
  },
});
