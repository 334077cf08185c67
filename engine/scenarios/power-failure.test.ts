import { expect, it } from 'vitest';
import { simulatePowerFailures } from './power-failure.js';

it('300 simulated lives with power failures and kills lose nothing that was acknowledged as durable', async () => {
  let crashes = 0;
  for (let seed = 1; seed <= 300; seed += 1) crashes += (await simulatePowerFailures(seed)).crashes;
  expect(crashes).toBeGreaterThanOrEqual(600);
});
