import { describe, expect, it } from 'vitest';
import { type SimulationFailure, simulateCluster } from './cluster-simulation.js';
import { seedsFrom, simulationCampaign } from './cluster-simulation-campaign.js';
import { MUTATIONS } from './cluster-simulation-mutations.js';

/*
 * The whole thin layer, simulated. `npm run test:simulation` runs ten thousand seeds, this some of the same.
 */

/** Runs that are short enough for every test run. */
const SEEDS = 200;
const FIRST_SEED = 100_001;
/** Seeds in which a broken rule must show. */
const MUTANT_SEEDS = 40;

describe('a simulated cluster', () => {
  it('gives the same run for the same seed', async () => {
    const first = await simulateCluster(7);
    const second = await simulateCluster(7);
    expect(second).toEqual(first);
    const other = await simulateCluster(8);
    expect(other.traceHash).not.toBe(first.traceHash);
  });

  it(`keeps its promises in ${SEEDS} runs`, { timeout: 300_000 }, async () => {
    const totals = await simulationCampaign(seedsFrom(FIRST_SEED, SEEDS));
    expect(totals.failures.map(({ message }) => message)).toEqual([]);
    // It was worth something.
    expect(totals.runs).toBe(SEEDS);
    expect(totals.acknowledged).toBeGreaterThan(100 * SEEDS);
    expect(totals.consumed).toBeGreaterThan(100 * SEEDS);
    expect(totals.generations).toBeGreaterThan(SEEDS / 2);
    expect(totals.faults.size).toBeGreaterThan(15);
  });
});

describe('a broken rule is found:', () => {
  for (const { name, apply, rules, from = 1 } of MUTATIONS) {
    it(name, { timeout: 300_000 }, async () => {
      const mend = apply();
      try {
        const { failures, runs } = await simulationCampaign(seedsFrom(from, MUTANT_SEEDS));
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
