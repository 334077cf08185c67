import { describe, expect, it } from 'vitest';
import { simulateCompaction } from './compaction-campaign.js';

const RUNS = Number(process.env.COMPACTION_RUNS ?? 60);
const FIRST = Number(process.env.COMPACTION_SEED ?? 1);

async function campaign(crashes: boolean) {
  const total = { appended: 0, compactions: 0, crashes: 0, dropped: 0 };
  for (let seed = FIRST; seed < FIRST + RUNS; seed += 1) {
    const verdict = await simulateCompaction(seed, { crashes });
    for (const name of Object.keys(total) as (keyof typeof total)[]) total[name] += verdict[name];
  }
  return total;
}

describe('compaction against a naive model, all codecs, idempotent and transactional producers', () => {
  it('leaves the last value of each key, whatever the rounds', { timeout: 120_000 }, async () => {
    const total = await campaign(false);
    expect(total.compactions).toBeGreaterThan(RUNS);
    expect(total.dropped).toBeGreaterThan(RUNS);
  });

  it('survives power failures and kills at random steps', { timeout: 120_000 }, async () => {
    const total = await campaign(true);
    expect(total.crashes).toBeGreaterThan(RUNS / 4);
    expect(total.compactions).toBeGreaterThan(RUNS / 8);
  });
});
