import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BatchProblem, checkBatch } from '../format/batch-check.js';
import {
  baseOffset,
  isControl,
  isTransactional,
  lastOffset,
  producerId,
  sizeInBytes,
} from '../format/batch-header.js';
import { readRecords } from '../format/batch-reader.js';
import { decodeControlRecordKey } from '../format/control-record.js';
import { openFileSystem } from '../io/index.js';
import type { FileSystem } from '../io/port.js';
import { PartitionLog } from '../log/partition-log.js';

/*
 * Every partition directory in fixtures/kafka, written by a real broker, opened on its own: as it was closed, and
 * without the clean-shutdown mark. What is read is what Kafka's own consumer read (the page in fixtures/kafka).
 */
interface ExpectedBatch {
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly position: number;
  readonly size: number;
  readonly producerId: number;
  readonly isTransactional: boolean;
  readonly isControl: boolean;
}
interface Expected {
  readonly shutdown: 'clean' | 'killed';
  readonly configs?: Readonly<Record<string, string | number | boolean>>;
  readonly beginningOffset: number;
  readonly endOffset: number;
  readonly lastStableOffset: number;
  readonly offsetsForTimes: readonly {
    readonly target: number;
    readonly offset: number | null;
    readonly timestamp: number | null;
  }[];
  readonly committedOffsets: readonly number[];
  readonly records: readonly { readonly offset: number; readonly timestamp: number }[];
  readonly segments: readonly {
    readonly baseOffset: number;
    readonly batches: readonly ExpectedBatch[];
  }[];
}
interface Case {
  readonly name: string;
  readonly source: string;
  readonly topic: string;
  readonly expected: Expected;
}

const FIXTURES = resolve('engine/scenarios/fixtures/kafka');
const json = (path: string) => JSON.parse(readFileSync(path, 'utf8'));

const CASES: Case[] = readdirSync(FIXTURES, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && entry.name !== 'data-directory')
  .map(({ name }) => ({
    name,
    source: join(FIXTURES, name, `${name}-0`),
    topic: name,
    expected: { shutdown: 'clean', ...json(join(FIXTURES, name, 'expected.json')) } as Expected,
  }));
const dataDirectory = json(join(FIXTURES, 'data-directory/expected.json'));
for (const [topic, expected] of Object.entries(dataDirectory.topics)) {
  CASES.push({
    name: `data-directory: ${topic}`,
    source: join(FIXTURES, 'data-directory/data', `${topic}-0`),
    topic,
    expected: {
      shutdown: dataDirectory.shutdown,
      configs: { 'retention.ms': -1 },
      ...(expected as Omit<Expected, 'shutdown'>),
    },
  });
}

/**
 * Where Kafka answers null because the first segment that is new enough has nothing left to read, and varve looks
 * on: by case, the targets.
 */
const KAFKA_GIVES_UP: Readonly<Record<string, (target: number) => boolean>> = {
  compacted: () => true,
  'deleted-records': (target) => target === 0,
  'data-directory: orders': (target) => target === 0,
};

let root: string;
let fs: FileSystem;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'varve-kafka-fixtures-'));
  fs = openFileSystem();
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

async function open({ source, topic, expected }: Case, isClean: boolean): Promise<PartitionLog> {
  const directory = join(root, `${topic}-0`);
  cpSync(source, directory, { recursive: true });
  // Kafka keeps both a level higher.
  const start = `0\n1\n${topic} 0 ${expected.beginningOffset}\n`;
  writeFileSync(join(directory, 'log-start-offset-checkpoint'), start);
  if (isClean) writeFileSync(join(directory, '.kafka_cleanshutdown'), '');
  return PartitionLog.open({ directory, fs, config: expected.configs ?? {} });
}

/** As the fixtures put it: base64, or size and digest of what is long. */
function shown(bytes: Uint8Array | null): unknown {
  if (bytes === null) return null;
  if (bytes.length <= 600) return Buffer.from(bytes).toString('base64');
  return { bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
}

/** What a consumer of the Kafka protocol makes of it: control batches left out, aborted transactions too if asked. */
function consume(log: PartitionLog, isolation: 'high_watermark' | 'last_stable_offset') {
  const records = [];
  for (let offset = log.logStartOffset; ; ) {
    const { bytes, nextOffset } = log.read(offset, { isolation, maxBytes: 2000 });
    if (bytes.length === 0) return records;
    const aborted =
      isolation === 'last_stable_offset' ? log.abortedTransactions(offset, nextOffset) : [];
    const open = new Set<number>();
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let at = 0; at < bytes.length; at += sizeInBytes(view, at)) {
      const check = { crc: true, maxBytes: bytes.length };
      expect(checkBatch(bytes, view, at, bytes.length, check)).toBe(BatchProblem.BATCH_OK);
      const producer = producerId(view, at);
      for (const { producerId: id, firstOffset } of aborted) {
        if (id === producer && firstOffset <= lastOffset(view, at)) open.add(id);
      }
      if (isControl(view, at)) {
        const [marker] = readRecords(bytes, at);
        if (marker !== undefined && decodeControlRecordKey(marker.key).type === 'ABORT') {
          open.delete(producer);
          const ended = aborted.findIndex(({ producerId: id }) => id === producer);
          if (ended >= 0) aborted.splice(ended, 1);
        }
        continue;
      }
      if (isTransactional(view, at) && open.has(producer)) continue;
      for (const record of readRecords(bytes, at)) {
        if (record.offset < log.logStartOffset) continue;
        records.push({
          offset: record.offset,
          timestamp: record.timestamp,
          key: shown(record.key),
          value: shown(record.value),
          headers: record.headers.map(({ key, value }) => ({ key, value: shown(value) })),
        });
      }
    }
    expect(nextOffset).toBeGreaterThan(offset);
    offset = nextOffset;
  }
}

function batchesOf(log: PartitionLog): { baseOffset: number; lastOffset: number; size: number }[] {
  const batches = [];
  for (let offset = log.logStartOffset; offset < log.logEndOffset; ) {
    const { bytes, nextOffset } = log.read(offset);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let at = 0; at < bytes.length; at += sizeInBytes(view, at)) {
      const size = sizeInBytes(view, at);
      batches.push({ baseOffset: baseOffset(view, at), lastOffset: lastOffset(view, at), size });
    }
    offset = nextOffset;
  }
  return batches;
}

function expectAsKafka(log: PartitionLog, { name, expected }: Case): void {
  expect(log.logStartOffset).toBe(expected.beginningOffset);
  expect(log.logEndOffset).toBe(expected.endOffset);
  expect(log.lastStableOffset).toBe(expected.lastStableOffset);
  expect(consume(log, 'high_watermark')).toEqual(expected.records);
  const committed = consume(log, 'last_stable_offset').map(({ offset }) => offset);
  expect(committed).toEqual(expected.committedOffsets);
  const readable = expected.segments
    .flatMap(({ batches }) => batches)
    .filter((batch) => batch.lastOffset >= expected.beginningOffset)
    .map(({ baseOffset: base, lastOffset: last, size }) => {
      return { baseOffset: base, lastOffset: last, size };
    });
  expect(batchesOf(log)).toEqual(readable);
  for (const { offset, timestamp } of expected.records) {
    expect(log.readRecord(offset, { checkCrcs: true })).toMatchObject({ offset, timestamp });
  }
  for (const { target, offset, timestamp } of expected.offsetsForTimes) {
    const found = log.findByTimestamp(target);
    const about = `${name}, first record from time ${target} on`;
    if (offset !== null) expect(found, about).toMatchObject({ offset, timestampMs: timestamp });
    else if (found !== null) {
      expect(KAFKA_GIVES_UP[name]?.(target) ?? false, about).toBe(true);
      expect(found.timestampMs, about).toBeGreaterThanOrEqual(target);
      const first = expected.records.find((record) => record.timestamp >= target);
      if (first !== undefined) expect(found.offset, about).toBe(first.offset);
    }
  }
}

describe('a partition written by Kafka', () => {
  it('has fixtures of every kind', () => {
    expect(CASES.length).toBeGreaterThanOrEqual(15);
    for (const { expected } of CASES) expect(expected.segments.length).toBeGreaterThan(0);
  });

  it.each(CASES.filter(({ expected }) => expected.shutdown === 'clean'))(
    '$name, closed cleanly: reads as Kafka did',
    async (fixture) => {
      const log = await open(fixture, true);
      expect(log.recovery.wasClean).toBe(true);
      expect(log.recovery.rebuiltFiles).toEqual([]);
      expectAsKafka(log, fixture);
      await log.close();
      expect(fs.usage().openFiles).toBe(0);
    },
  );

  it.each(CASES)('$name, recovered: reads as Kafka did', async (fixture) => {
    const log = await open(fixture, false);
    expect(log.recovery.wasClean).toBe(false);
    expect(log.recovery.segments.map(({ cutBytes }) => cutBytes).every((cut) => cut === 0)).toBe(
      true,
    );
    expectAsKafka(log, fixture);
    await log.close();
    const again = await PartitionLog.open({
      directory: log.directory,
      fs,
      config: fixture.expected.configs ?? {},
    });
    expect(again.recovery.wasClean).toBe(true);
    expectAsKafka(again, fixture);
    await again.close();
  });

  it.each(CASES)('$name: takes appends after what Kafka wrote', async (fixture) => {
    const log = await open(fixture, fixture.expected.shutdown === 'clean');
    const end = log.logEndOffset;
    const { baseOffset: at } = log.append([{ key: 'varve', value: 'after Kafka' }]);
    expect(at).toBe(end);
    log.roll();
    log.append([{ key: 'varve', value: 'in its own segment' }]);
    await log.close();
    const again = await PartitionLog.open({
      directory: log.directory,
      fs,
      config: fixture.expected.configs ?? {},
    });
    const [own, last] = [again.readRecord(end), again.readRecord(end + 1)];
    expect(Buffer.from(own!.value!).toString()).toBe('after Kafka');
    expect(Buffer.from(last!.value!).toString()).toBe('in its own segment');
    const before = consume(again, 'high_watermark').slice(0, -2);
    expect(before).toEqual(fixture.expected.records);
    await again.close();
  });
});
