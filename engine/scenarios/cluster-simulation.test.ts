import { describe, expect, it } from 'vitest';
import { simulateCluster } from './cluster-simulation.js';
import { seedsFrom, simulationCampaign } from './cluster-simulation-campaign.js';

/*
 * The whole thin layer, simulated. `npm run test:simulation` runs ten thousand seeds, this some of the same.
 */

/** Runs that are short enough for every test run. */
const SEEDS = 120;
const FIRST_SEED = 100_001;

describe('a simulated cluster', () => {
  it('gives the same run for the same seed', async () => {
    const first = await simulateCluster(7);
    const second = await simulateCluster(7);
    expect(second).toEqual(first);
    const other = await simulateCluster(8);
    expect(other.traceHash).not.toBe(first.traceHash);
  });

  it(`keeps its promises in ${SEEDS} runs`, { timeout: 600_000 }, async () => {
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
