import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isAlive } from '../../engine/testing/is-alive.js';
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

/** Directories with data of the topic, wherever they are below. */
function directoriesOf(topic: string, below = directory): string[] {
  return readdirSync(below, { withFileTypes: true }).flatMap((entry) => {
    if (!entry.isDirectory()) return [];
    if (isPartitionOf(topic, entry.name)) return [entry.name];
    return directoriesOf(topic, join(below, entry.name));
  });
}

/** Opens it in a process of its own, compiled; the ids of that process and of those that it has started. */
async function startElsewhere(name: string): Promise<number[]> {
  const at = (file: string) => JSON.stringify(pathToFileURL(resolve('dist/benchmarks', file)).href);
  const program = `
    const { findTarget } = await import(${at('targets/index.js')});
    const { cellOf } = await import(${at('model/knobs.js')});
    const cell = cellOf({ brokers: 1 });
    const { signal } = new AbortController();
    const options = { cell, directory: ${JSON.stringify(directory)}, signal };
    const target = await findTarget(${JSON.stringify(name)}).open(options);
    const prepared = await target.prepare(cell, 'a');
    const { processes } = await (await prepared.startUsage()).stop();
    console.log(JSON.stringify([process.pid, ...processes.map(({ pid }) => pid)]));
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return JSON.parse(line.toString()) as number[];
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
      const { processes, machine, syncs } = await meter.stop();
      expect(syncs === null).toBe(name === 'local-kafka');
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
      const broken = await prepared.broken;
      expect(broken?.code).toBe('TARGET_FAILED');
      expect(broken?.message).toMatch(/^broker 2 \(process \d+\) ended by SIGKILL/);
      expect(await target.isUsable()).toBe(false);
      await expect(target.prepare(cell, 'second')).rejects.toThrow(/broker 2/);

      await target.close();
      expect(processes.map(({ pid }) => pid).filter(isAlive)).toEqual([]);
    },
    300_000,
  );

  it.skipIf(!isHere)(
    'ends with the process that started it, however that ends',
    async () => {
      const [pid = -1, ...theirs] = await startElsewhere(name);
      expect(theirs.length).toBeGreaterThanOrEqual(2);
      process.kill(pid, 'SIGKILL');
      const endMs = performance.now() + 60_000;
      while (theirs.some(isAlive) && performance.now() < endMs) await sleep(50);
      expect(theirs.filter(isAlive)).toEqual([]);
    },
    300_000,
  );

  it.skipIf(!isHere)(
    'interrupted while it starts: says so, and no process is left',
    async () => {
      const stop = new AbortController();
      const options = { cell: cellOf({}), directory, signal: stop.signal };
      const opening = findTarget(name).open(options);
      setTimeout(() => stop.abort(), 30);
      await expect(opening).rejects.toMatchObject({ code: 'INTERRUPTED' });
    },
    60_000,
  );
});
