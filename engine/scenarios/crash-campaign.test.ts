import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const CAMPAIGN = resolve('dist/engine/scenarios/crash-campaign.js');
const run = promisify(execFile);

async function campaign(...args: string[]) {
  if (!existsSync(CAMPAIGN)) throw new Error(`${CAMPAIGN} is missing: run \`npm run build\` first`);
  const { stdout } = await run(process.execPath, [CAMPAIGN, '--json', ...args], {
    maxBuffer: 1 << 26,
  }).catch((error: { stdout?: string }) => {
    throw new Error(`the crash campaign failed: ${error.stdout}`, { cause: error });
  });
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

describe('kill -9', () => {
  it('of real writers, 12 runs: all that was acknowledged is there, in order, once', {
    timeout: 300_000,
  }, async () => {
    const lines = await campaign('--runs', '12', '--seed', '500');
    const totals = lines.at(-1);
    expect(lines).toHaveLength(13);
    expect(totals).toMatchObject({ runs: 12, failed: 0 });
    // A campaign that kills nothing, or checks nothing, would pass too.
    expect(totals.kills).toBeGreaterThan(20);
    expect(totals.recoveries).toBeGreaterThan(20);
    expect(totals.recordsChecked).toBeGreaterThan(1000);
    const kinds = new Set(lines.slice(0, -1).map(({ store, files }) => `${store} ${files}`));
    expect(kinds.size).toBeGreaterThan(2);
  });

  it('refuses options that are none', async () => {
    await expect(campaign('--runs', '0')).rejects.toThrow();
    await expect(campaign('--seed', 'x')).rejects.toThrow();
  });
});
