import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cellOf } from '../model/knobs.js';
import { findTarget } from './index.js';
import { kafkaMissing } from './kafka-jars-cached.js';
import { isPartitionOf } from './partition-directories.js';
import type { OpenTarget } from './target.js';

const withoutKafka = kafkaMissing();
if (withoutKafka !== null) console.warn(`local-kafka is not tested: ${withoutKafka}`);

const TARGETS = [
  { name: 'cluster', isHere: true, supervisor: 'supervisor' },
  { name: 'local-kafka', isHere: withoutKafka === null, supervisor: 'controller' },
];

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

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

/** Directories with data of the topic, wherever they are below. */
function directoriesOf(topic: string, below = directory): string[] {
  return readdirSync(below, { withFileTypes: true }).flatMap((entry) => {
    if (!entry.isDirectory()) return [];
    if (isPartitionOf(topic, entry.name)) return [entry.name];
    return directoriesOf(topic, join(below, entry.name));
  });
}

describe.each(TARGETS)('$name', ({ name, isHere, supervisor }) => {
  it.skipIf(!isHere)(
    'opens three brokers, makes a topic, measures, removes it and closes, and leaves nothing',
    async () => {
      const cell = cellOf({ partitions: 4, replicationFactor: 3, minInsyncReplicas: 2 });
      const { signal } = new AbortController();
      const target = await findTarget(name).open({ cell, directory, signal });
      open = target;
      expect(target.info.brokers).toBe(3);
      const prepared = await target.prepare(cell, 'first');
      const meter = await prepared.startUsage();
      const { processes, machine } = await meter.stop();
      const ids = processes.map(({ id }) => id);
      expect(ids).toEqual(['broker 1', 'broker 2', 'broker 3', supervisor]);
      const brokers = processes.filter(({ role }) => role === 'broker');
      expect(brokers.map(({ replicas }) => replicas)).toEqual([4, 4, 4]);
      expect(brokers.reduce((sum, { leaders }) => sum + (leaders ?? 0), 0)).toBe(4);
      expect(machine?.cores).toBeGreaterThan(0);
      expect(directoriesOf('first')).toHaveLength(12);
      await prepared.remove();
      expect(directoriesOf('first')).toEqual([]);
      expect(await target.isUsable()).toBe(true);

      process.kill(brokers[1]?.pid ?? -1, 'SIGKILL');
      expect(await target.isUsable()).toBe(false);

      await target.close();
      expect(processes.map(({ pid }) => pid).filter(isAlive)).toEqual([]);
    },
    300_000,
  );

  it.skipIf(!isHere)(
    'interrupted while it starts: says so, and no process is left',
    async () => {
      const stop = new AbortController();
      const options = { cell: cellOf({}), directory, signal: stop.signal };
      const opening = findTarget(name).open(options);
      setTimeout(() => stop.abort(), 300);
      await expect(opening).rejects.toMatchObject({ code: 'INTERRUPTED' });
    },
    60_000,
  );
});
