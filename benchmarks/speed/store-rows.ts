import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DataDirectory, openFileSystem } from '../embedded/varve.js';
import { count } from '../figures.js';
import { makeRecordBatches } from './material.js';
import { anonymousBytes, mappingCount } from './memory.js';
import { type Outcome, type SpeedRow, turn, valueOutcome } from './row.js';

const MIB = 1024 * 1024;
const SEGMENTS = 4;
/** Default of `maxMappings`. */
const MAPPING_BUDGET = 16_384;
const PARTITIONS_BETWEEN_TURNS = 50;

export const openStore: SpeedRow = {
  id: 'open-store',
  work: 'open a clean store of 1,000 partitions x 4 segments',
  diskBytes: 256 * MIB,
  async measure({ directory, rounds, scale }): Promise<Outcome[]> {
    const path = join(directory, 'store');
    const partitions = Math.max(2, Math.round(1000 * scale));
    await fillStore(path, partitions);
    const openMs: number[] = [];
    const mappings: number[] = [];
    // The first open is warm-up.
    for (let round = 0; round <= rounds; round++) {
      const fs = openFileSystem();
      const started = performance.now();
      const store = await DataDirectory.open({ directory: path, fs });
      const elapsedMs = performance.now() - started;
      const { files, segments, offlinePartitions } = store.usage();
      await store.close();
      if (segments < partitions * SEGMENTS || offlinePartitions > 0) {
        throw new Error(`${segments} segments, ${offlinePartitions} partitions offline`);
      }
      if (round === 0) continue;
      openMs.push(elapsedMs);
      mappings.push(files.mappings);
    }
    return [
      valueOutcome({
        what: `open ${partitions} partitions x ${SEGMENTS} segments`,
        runs: openMs,
        unit: 'ms',
        format: (ms) => `${ms.toFixed(0)} ms`,
        atMost: 1000,
      }),
      valueOutcome({
        what: '  mappings held',
        runs: mappings,
        unit: 'mappings',
        format: count,
        atMost: MAPPING_BUDGET,
      }),
    ];
  },
};

async function fillStore(path: string, partitions: number): Promise<void> {
  mkdirSync(path, { recursive: true });
  const store = await DataDirectory.open({ directory: path });
  await store.createTopic('bench', { partitions });
  const [records] = makeRecordBatches(100, 10);
  if (records === undefined) throw new Error('no records were made');
  for (let partition = 0; partition < partitions; partition++) {
    const log = store.partition('bench', partition);
    for (let segment = 1; segment < SEGMENTS; segment++) {
      log.append(records);
      log.roll();
    }
    log.append(records);
    if (partition % PARTITIONS_BETWEEN_TURNS === 0) await turn();
  }
  await store.close();
}

/** What the kernel gives a process by default (vm.max_map_count). */
const KERNEL_MAPPINGS = 65_530;

export const manyPartitions: SpeedRow = {
  id: 'many-partitions',
  work: '10,000 partitions in one process: append to all and read all',
  diskBytes: 3 * 1024 * MIB,
  async measure({ directory, rounds, scale }): Promise<Outcome[]> {
    const partitions = Math.max(2, Math.round(10_000 * scale));
    const [records] = makeRecordBatches(100, 10);
    if (records === undefined) throw new Error('no records were made');
    const grown: number[] = [];
    const mappings: number[] = [];
    const appendPerSecond: number[] = [];
    const readPerSecond: number[] = [];
    globalThis.gc?.();
    const before = anonymousBytes();
    const path = join(directory, 'many');
    const store = await DataDirectory.open({ directory: path });
    try {
      await store.createTopic('bench', { partitions });
      for (let round = 0; round < Math.min(rounds, 3); round++) {
        appendPerSecond.push(
          await everyPartition(partitions, (partition) => {
            store.partition('bench', partition).append(records);
          }),
        );
        readPerSecond.push(
          await everyPartition(partitions, (partition) => {
            const log = store.partition('bench', partition);
            const { nextOffset } = log.read(log.logEndOffset - records.length);
            if (nextOffset !== log.logEndOffset)
              throw new Error(`partition ${partition} read short`);
          }),
        );
        grown.push(anonymousBytes() - before);
        mappings.push(mappingCount() ?? store.usage().files.mappings);
      }
    } finally {
      await store.close();
      rmSync(path, { recursive: true });
    }
    const speed = { unit: 'partitions/s', format: (value: number) => `${count(value)}/s` };
    return [
      valueOutcome({
        what: `${partitions} partitions: mappings of the process`,
        runs: mappings,
        unit: 'mappings',
        format: count,
        // "Far under" the kernel's limit: at most half.
        atMost: KERNEL_MAPPINGS / 2,
      }),
      valueOutcome({
        what: '  anonymous memory they took',
        runs: grown,
        unit: 'bytes',
        format: (bytes) => `${(bytes / 1e6).toFixed(0)} MB`,
        atMost: 300e6,
      }),
      valueOutcome({ ...speed, what: '  appends, one to each in turn', runs: appendPerSecond }),
      valueOutcome({ ...speed, what: '  reads, one from each in turn', runs: readPerSecond }),
    ];
  },
};

async function everyPartition(
  partitions: number,
  work: (partition: number) => void,
): Promise<number> {
  const started = performance.now();
  for (let partition = 0; partition < partitions; partition++) {
    work(partition);
    if (partition % PARTITIONS_BETWEEN_TURNS === 0) await turn();
  }
  return (partitions * 1000) / (performance.now() - started);
}
