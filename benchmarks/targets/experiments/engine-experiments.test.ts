import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Cell, cellOf } from '../../model/knobs.js';
import { findTarget } from '../index.js';
import type { DisturbanceOutcome, LoadView } from '../target.js';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'varve-engine-'));
});
afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

const noLoad: LoadView = {
  takeAcknowledgements: () => [],
  acknowledgedRecords: async () => [],
  stopLoad: async () => undefined,
};

async function run(knobs: Partial<Cell>): Promise<DisturbanceOutcome> {
  const cell = cellOf({ target: 'engine', recordBytes: 1_000, partitions: 2, ...knobs });
  const { signal } = new AbortController();
  const target = await findTarget('engine').open({ cell, directory, signal });
  const prepared = await target.prepare(cell, 'a');
  try {
    return (await prepared.disturb?.(noLoad, AbortSignal.timeout(50_000))) ?? {};
  } finally {
    await prepared.remove();
    await target.close();
  }
}

describe('experiments on the engine', () => {
  it('crash: nothing acknowledged is lost; flush=batch leaves nothing for power loss either', async () => {
    const { crash } = await run({ experiment: 'crash', flush: 'batch' });
    expect(crash?.acknowledgedRecords).toBeGreaterThan(100);
    expect(crash?.lostRecords).toBe(0);
    expect(crash?.doubledRecords).toBe(0);
    if (crash?.what.includes('kernel')) expect(crash.unsyncedRecords).toBe(0);
    expect(readdirSync(directory)).toEqual([]);
  });

  it('crash: flush=os keeps what the kernel has, and power loss would take much of it', async () => {
    const { crash } = await run({ experiment: 'crash', flush: 'os' });
    expect(crash?.lostRecords).toBe(0);
    expect(crash?.unsyncedRecords).toBeGreaterThan(1_000);
  });

  it('recovery: opens what was written', async () => {
    const { recovery } = await run({ experiment: 'recovery' });
    expect(recovery?.clean).toBe(false);
    expect(recovery?.logBytes).toBeGreaterThan(1_000_000);
    expect(recovery?.untilServingMs).toBeGreaterThan(0);
  });

  it('recovery by stop: its logs were closed', async () => {
    const { recovery } = await run({ experiment: 'recovery', by: 'stop' });
    expect(recovery?.clean).toBe(true);
    expect(recovery?.logBytes).toBeGreaterThan(1_000_000);
    expect(recovery?.untilServingMs).toBeGreaterThan(0);
  });
});
