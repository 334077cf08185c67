import { describe, expect, it } from 'vitest';
import type { SimulationFailure } from './cluster-simulation.js';
import { seedsFrom, simulationCampaign } from './cluster-simulation-campaign.js';
import { MUTATIONS } from './cluster-simulation-mutations.js';

/** Seeds in which a broken rule must show. */
const MUTANT_SEEDS = 60;
/** Runs in which nothing must show, beyond those of the other test: this file has the other processor. */
const MORE_SEEDS = 100;
const FIRST_SEED = 200_001;

// The first of them: a broker loses power when the controller has taken it into the ISR and nobody knows that yet.
it(`nothing is broken in ${MORE_SEEDS} other runs`, { timeout: 600_000 }, async () => {
  const totals = await simulationCampaign(seedsFrom(FIRST_SEED, MORE_SEEDS));
  expect(totals.failures.map(({ message }) => message)).toEqual([]);
  expect(totals.runs).toBe(MORE_SEEDS);
});

describe('a broken rule is found:', () => {
  for (const { name, apply, rules, adjust } of MUTATIONS) {
    it(name, { timeout: 600_000 }, async () => {
      const mend = apply();
      try {
        const { failures, runs } = await simulationCampaign(
          seedsFrom(1, MUTANT_SEEDS),
          adjust === undefined ? {} : { adjust },
        );
        expect(failures.map(({ rule }) => rule)).toHaveLength(1);
        const [failure] = failures as [SimulationFailure];
        expect(rules).toContain(failure.rule);
        expect(failure.message).toContain(`--seed ${failure.seed}`);
        expect(runs).toBeLessThanOrEqual(MUTANT_SEEDS);
      } finally {
        mend();
      }
    });
  }
});
