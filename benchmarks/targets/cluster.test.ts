import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cellOf } from '../model/knobs.js';
import { findTarget } from './index.js';
import type { OpenTarget } from './target.js';

let directory: string;
let open: OpenTarget | null = null;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'varve-targets-'));
});
afterEach(async () => {
  await open?.close();
  open = null;
  rmSync(directory, { recursive: true, force: true });
});

async function start(): Promise<OpenTarget> {
  const cell = cellOf({ partitions: 4, replicationFactor: 3 });
  const signal = new AbortController().signal;
  open = await findTarget('cluster').open({ cell, directory, signal });
  return open;
}

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

describe('cluster', () => {
  it('opens three brokers, prepares, measures, removes and closes, and leaves nothing', async () => {
    const target = await start();
    expect(target.info.brokers).toBe(3);
    const cell = cellOf({ partitions: 4, replicationFactor: 3, minInsyncReplicas: 2 });
    const prepared = await target.prepare(cell, 'first');
    const usage = await (await prepared.startUsage()).stop();
    expect(usage.processes.map(({ id }) => id)).toEqual([
      'broker 1',
      'broker 2',
      'broker 3',
      'supervisor',
    ]);
    const brokers = usage.processes.slice(0, 3);
    expect(brokers.map(({ replicas }) => replicas)).toEqual([4, 4, 4]);
    expect(brokers.reduce((sum, { leaders }) => sum + (leaders ?? 0), 0)).toBe(4);
    const ofTopic = () =>
      [1, 2, 3].flatMap((id) =>
        readdirSync(join(directory, 'cluster', `broker-${id}`)).filter((name) =>
          name.startsWith('first'),
        ),
      );
    expect(ofTopic()).toHaveLength(12);
    await prepared.remove();
    expect(ofTopic()).toEqual([]);
    expect(await target.isUsable()).toBe(true);
    await target.close();
    expect(usage.processes.map(({ pid }) => pid).filter(isAlive)).toEqual([]);
  });
});
