import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { ChaosModel, payloadOf } from './chaos-model.js';
import { planOf } from './chaos-plan.js';
import type { ChaosVerdict } from './chaos-run.js';

const CAMPAIGN = resolve('dist/engine/scenarios/chaos-campaign.js');
const run = promisify(execFile);

async function campaign(...args: string[]) {
  if (!existsSync(CAMPAIGN)) throw new Error(`${CAMPAIGN} is missing: run \`npm run build\` first`);
  const { stdout } = await run(process.execPath, [CAMPAIGN, '--json', ...args], {
    maxBuffer: 1 << 26,
  }).catch((error: { stdout?: string }) => {
    throw new Error(`the chaos campaign failed: ${error.stdout}`, { cause: error });
  });
  const lines = stdout.trim().split('\n');
  return lines.map((line) => JSON.parse(line));
}

describe('chaos', () => {
  it('4 runs: what producers were told is there, once and in order, on every replica', {
    timeout: 600_000,
  }, async () => {
    const lines = await campaign('--runs', '4', '--seed', '113');
    const totals = lines.at(-1);
    const verdicts = lines.slice(0, -1) as ChaosVerdict[];
    expect(verdicts.map(({ problem }) => problem)).toEqual([null, null, null, null]);
    expect(totals).toMatchObject({ runs: 4, failed: 0 });
    // A campaign in which nothing happens would pass too.
    const faults = Object.values(totals.faults as Record<string, number>);
    expect(faults.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(20);
    expect(Object.keys(totals.faults)).toEqual(
      expect.arrayContaining(['kill', 'pause', 'cut', 'terminate', 'member-dies']),
    );
    expect(totals.recordsChecked).toBeGreaterThan(500);
    expect(totals.recordsProcessed).toBe(totals.recordsChecked);
    expect(totals.recordsAcknowledged).toBe(totals.recordsChecked);
  });

  it('refuses options that are none', async () => {
    await expect(campaign('--runs', '0')).rejects.toThrow();
    await expect(campaign('--seed', 'x')).rejects.toThrow();
  });

  it('a seed is a plan, and plans differ', () => {
    expect(planOf(7)).toEqual(planOf(7));
    const kinds = new Set<string>();
    for (let seed = 0; seed < 100; seed += 1) {
      const { faults, durationMs } = planOf(seed);
      for (const { kind, atMs } of faults) {
        kinds.add(kind);
        expect(atMs).toBeLessThan(durationMs);
      }
      expect(faults.map(({ atMs }) => atMs)).toEqual(
        faults.map(({ atMs }) => atMs).toSorted((a, b) => a - b),
      );
    }
    expect(kinds.size).toBe(13);
  });
});

describe('the model of a run', () => {
  const value = (producer: number, sequence: number) => payloadOf(producer, sequence, 10);

  /** Producer 0 sent four records and has three acknowledged at 0, producer 1 one at 3. */
  function partition() {
    const model = new ChaosModel(1).partition(0);
    model.acknowledge(0, model.willSend(0, 3), 3, 0);
    model.acknowledge(1, model.willSend(1, 1), 1, 3);
    model.willSend(0, 1);
    return model;
  }
  const right = [value(0, 0), value(0, 1), value(0, 2), value(1, 0)];

  it('is content with what was acknowledged, with or without what was not', () => {
    partition().check(right);
    partition().check([...right, value(0, 3)]);
  });

  it.each([
    ['a record is missing at the end', right.slice(0, 3), '1 records acknowledged, 0 are there'],
    ['a record is missing between', [right[0], right[2], right[3]], 'follows 0'],
    ['a record is there twice', [...right, value(1, 0)], '1/0 is there again'],
    ['records changed places', [right[1], right[0]], 'follows -1'],
    ['a record was never sent', [...right, value(0, 3), value(0, 4)], '5 records of producer 0'],
    [
      'a record is not where it was said to be',
      [right[3], ...right.slice(0, 3)],
      'acknowledged at',
    ],
    ['a record is of nobody', ['?'], 'no record of this run'],
  ])('%s', (_, values, problem) => {
    expect(() => partition().check(values as string[])).toThrow(problem);
  });

  it('what a consumer saw must stay', () => {
    const model = partition();
    model.see(3, value(1, 0));
    model.check(right);
    expect(() => model.see(3, value(0, 2))).toThrow('had 1/0 at offset 3 and now has 0/2');
    model.see(4, value(0, 3));
    expect(() => model.check(right)).toThrow('saw 0/3 at offset 4, where there is nothing');
  });

  it('a group may repeat but not skip', () => {
    const model = partition();
    for (const offset of [0, 1, 1, 3]) model.processed.add(offset);
    expect(() => model.checkProcessed(4)).toThrow('never processed offset 2');
    model.processed.add(2);
    model.checkProcessed(4);
  });
});
