import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Cell, cellOf } from '../../model/knobs.js';
import { startLoadProcess } from '../../run/load-handle.js';
import { runCell } from '../../run/run-cell.js';
import { findTarget } from '../index.js';
import type { DisturbanceOutcome, OpenTarget } from '../target.js';

const LIMIT_MS = 60_000;
let directory: string;
let target: OpenTarget;
let topics = 0;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'varve-experiments-'));
  const { signal } = new AbortController();
  target = await findTarget('cluster').open({ cell: cellOf({}), directory, signal });
});
afterAll(async () => {
  await target.close();
  rmSync(directory, { recursive: true, force: true });
});

/** One experiment under a load of one producer, as the suite runs it. */
async function run(knobs: Partial<Cell>): Promise<DisturbanceOutcome> {
  topics += 1;
  const { failover, crash, recovery, rebalance } = await runCell(
    target,
    {
      cell: cellOf({
        recordBytes: 100,
        batchBytes: 1_000,
        rate: 1_000_000,
        consumers: 0,
        ...knobs,
      }),
      topic: `experiment-${topics}`,
      payload: { file: null, seed: 1, spread: 'exact', compressibility: null },
      warmupSeconds: 0.2,
      measureSeconds: 1,
      rateBytesPerSecond: 1_000_000,
      repeat: 0,
      order: 0,
    },
    {
      startLoad: startLoadProcess,
      onLive: () => undefined,
      signal: AbortSignal.timeout(LIMIT_MS),
    },
  );
  return {
    ...(failover && { failover }),
    ...(crash && { crash }),
    ...(recovery && { recovery }),
    ...(rebalance && { rebalance }),
  };
}

describe('experiments on a cluster', () => {
  it('failover: a killed leader makes a gap, which ends', async () => {
    const { failover } = await run({ experiment: 'failover', replicationFactor: 3 });
    expect(failover?.kind).toBe('kill');
    expect(failover?.untilNextAckMs).toBeGreaterThan(0);
    expect(failover?.untilNextAckMs).toBeLessThan(20_000);
    expect(failover?.longestGapMs).toBeLessThanOrEqual(20_000);
    expect(await target.isUsable()).toBe(true);
  });

  it('failover: a single replica comes back with its broker', async () => {
    const { failover } = await run({ experiment: 'failover', replicationFactor: 1 });
    expect(failover?.untilNextAckMs).toBeGreaterThan(10);
  });

  it('crash: with acks=all nothing acknowledged is lost when every broker is killed', async () => {
    const { crash } = await run({ experiment: 'crash', replicationFactor: 3, partitions: 2 });
    expect(crash?.what).toMatch(/all 3 brokers at once/);
    expect(crash?.acknowledgedRecords).toBeGreaterThan(100);
    expect(crash?.lostRecords).toBe(0);
    expect(crash?.unsyncedRecords).not.toBeNull();
    expect(await target.isUsable()).toBe(true);
  });

  it('crash: flush=batch leaves nothing that power loss could take, flush=os much of the run', async () => {
    const knobs = { experiment: 'crash', replicationFactor: 1, acks: 1 } as const;
    const synced = await run({ ...knobs, flush: 'batch' });
    const left = await run({ ...knobs, flush: 'os' });
    expect(synced.crash?.lostRecords).toBe(0);
    expect(left.crash?.lostRecords).toBe(0);
    // Without cachestat only old checkpoint files tell, which say nothing about so short a run.
    if (!left.crash?.what.includes('kernel')) return;
    expect(synced.crash?.unsyncedRecords).toBe(0);
    expect(left.crash?.unsyncedRecords).toBeGreaterThan(1_000);
  });

  it('recovery: says how much log there was and how long it took', async () => {
    const { recovery } = await run({ experiment: 'recovery', replicationFactor: 1 });
    expect(recovery?.clean).toBe(false);
    expect(recovery?.logBytes).toBeGreaterThan(10_000);
    expect(recovery?.untilServingMs).toBeGreaterThan(10);
  });

  it('rebalance: the others take over', async () => {
    const { rebalance } = await run({ experiment: 'rebalance', partitions: 4, consumers: 2 });
    expect(rebalance?.members).toBe(2);
    expect(rebalance?.untilAllConsumedMs).toBeGreaterThan(-1_000);
    expect(rebalance?.untilAllConsumedMs).toBeLessThan(20_000);
  });
});
