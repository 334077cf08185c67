import type { SimulatedConnection } from '../load/plan.js';
import { withoutUnused } from './cell-rules.js';
import { watchUsage } from './process-usage.js';
import type { Target } from './target.js';

/** A service whose properties are known, inside the load processes: for tests of the suite's own honesty. */
export function simulatedTarget(connection: SimulatedConnection): Target {
  return {
    name: 'simulated',
    warmUpSeconds: 0,
    normal: withoutUnused,
    refusal: ({ experiment }) =>
      experiment === 'load'
        ? null
        : `experiment is ${experiment}, target is simulated: there is nothing to kill. Take target cluster`,
    openKey: () => 'simulated',
    async open() {
      let runs = 0;
      return {
        info: {
          name: 'simulated',
          software: 'simulated',
          brokers: 0,
          settings: { ...connection, stallAtMs: connection.stallAtMs ?? -1 },
        },
        prepare: async (_cell, topic) => ({
          topic,
          // The next run's deviation is another, from the same seed.
          connection: { ...connection, seed: connection.seed + runs++ },
          async startUsage() {
            const watch = watchUsage(() => []);
            return { stop: async () => ({ ...watch.stop(), syncs: null }) };
          },
          disturb: null,
          broken: null,
          remove: async () => undefined,
        }),
        isUsable: async () => true,
        close: async () => undefined,
      };
    },
  };
}
