import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isControl, sizeInBytes } from '../format/batch-header.js';
import { readRecords } from '../format/batch-reader.js';
import type { PartitionLog } from '../log/partition-log.js';
import { DataDirectory } from './data-directory.js';
import type { DataDirectoryEvent } from './events.js';

interface ExpectedRecord {
  readonly offset: number;
  readonly timestamp: number;
  readonly key: unknown;
  readonly value: unknown;
  readonly headers: readonly { readonly key: string; readonly value: string | null }[];
}
interface Expected {
  readonly shutdown: 'clean' | 'killed';
  readonly configs?: Readonly<Record<string, string | number | boolean>>;
  readonly beginningOffset: number;
  readonly endOffset: number;
  readonly lastStableOffset: number;
  readonly offsetsForTimes: readonly {
    target: number;
    offset: number | null;
    timestamp: number | null;
  }[];
  readonly records: readonly ExpectedRecord[];
}

const FIXTURES = resolve('engine/scenarios/fixtures/kafka');
const CASES = readdirSync(FIXTURES, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && entry.name !== 'data-directory')
  .map(({ name }) => name);

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'varve-kafka-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const expectedOf = (path: string) => JSON.parse(readFileSync(path, 'utf8'));

/** As the fixtures put it: base64, or size and digest of what is long. */
function shown(bytes: Uint8Array | null): unknown {
  if (bytes === null) return null;
  if (bytes.length <= 600) return Buffer.from(bytes).toString('base64');
  return { bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
}

function everyRecord(log: PartitionLog): ExpectedRecord[] {
  const found: ExpectedRecord[] = [];
  for (let offset = log.logStartOffset; offset < log.logEndOffset; ) {
    const { bytes, nextOffset } = log.read(offset, { maxBytes: 4096 });
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let at = 0; at < bytes.length; at += sizeInBytes(view, at)) {
      if (isControl(view, at)) continue;
      for (const record of readRecords(bytes, at)) {
        if (record.offset < log.logStartOffset) continue;
        found.push({
          offset: record.offset,
          timestamp: record.timestamp,
          key: shown(record.key),
          value: shown(record.value),
          headers: record.headers.map(({ key, value }) => ({ key, value: shown(value) as string })),
        });
      }
    }
    expect(nextOffset).toBeGreaterThan(offset);
    offset = nextOffset;
  }
  return found;
}

function expectSame(log: PartitionLog, expected: Expected): void {
  expect(log.logStartOffset).toBe(expected.beginningOffset);
  expect(log.logEndOffset).toBe(expected.endOffset);
  expect(log.lastStableOffset).toBe(expected.lastStableOffset);
  expect(everyRecord(log)).toEqual(expected.records);
  for (const { target, offset, timestamp } of expected.offsetsForTimes) {
    const found = log.findByTimestamp(target);
    if (offset !== null) expect(found).toMatchObject({ offset, timestampMs: timestamp });
    // Kafka gives up where the first segment that is new enough has nothing left to read; later ones may.
    else if (found !== null) {
      expect(found.timestampMs).toBeGreaterThanOrEqual(target);
      const first = expected.records.find((record) => record.timestamp >= target);
      if (first !== undefined) expect(found.offset).toBe(first.offset);
    }
  }
}

describe('a data directory written by Kafka', () => {
  it('opens whole: topics and ids from the partitions, log start from the checkpoint, Kafka’s own left alone', async () => {
    cpSync(join(FIXTURES, 'data-directory/data'), directory, { recursive: true });
    const expected = expectedOf(join(FIXTURES, 'data-directory/expected.json'));
    const events: DataDirectoryEvent[] = [];
    const data = await DataDirectory.open({ directory, onEvent: (event) => events.push(event) });
    expect(data.wasClean).toBe(true);
    expect(data.offline).toEqual([]);
    expect(data.listTopics()).toEqual([
      '__consumer_offsets',
      '__transaction_state',
      'orders',
      'payments.eu-1',
    ]);
    for (const topic of ['orders', 'payments.eu-1']) {
      expectSame(data.partition(topic, 0), expected.topics[topic]);
      const metadata = readFileSync(join(directory, `${topic}-0/partition.metadata`), 'utf8');
      expect(metadata).toContain(`topic_id: ${data.describeTopic(topic).id}`);
      expect(data.describeTopic(topic).config.retentionMs).toBe(Number.POSITIVE_INFINITY);
    }
    const meta = readFileSync(join(directory, 'meta.properties'), 'utf8');
    expect(meta).toContain(`cluster.id=${data.identity.clusterId}`);
    expect(meta).toContain(`node.id=${data.identity.nodeId}`);
    expect(events.map(({ kind }) => kind).sort()).toEqual([
      'directory-skipped',
      'topic-adopted',
      'topic-adopted',
      'topic-adopted',
      'topic-adopted',
    ]);
    await data.close();
    const again = await DataDirectory.open({ directory });
    expect(again.wasClean).toBe(true);
    for (const topic of ['orders', 'payments.eu-1']) {
      expectSame(again.partition(topic, 0), expected.topics[topic]);
    }
    await again.close();
  });

  it.each(CASES)('reads %s as Kafka did, also after an unclean stop', async (name) => {
    const expected: Expected = expectedOf(join(FIXTURES, name, 'expected.json'));
    cpSync(join(FIXTURES, name, `${name}-0`), join(directory, `${name}-0`), { recursive: true });
    if (expected.shutdown === 'clean') writeFileSync(join(directory, '.kafka_cleanshutdown'), '');
    const start = expected.beginningOffset;
    writeFileSync(join(directory, 'log-start-offset-checkpoint'), `0\n1\n${name} 0 ${start}\n`);
    const data = await DataDirectory.open({ directory, topicDefaults: expected.configs ?? {} });
    expect(data.offline).toEqual([]);
    expect(data.wasClean).toBe(expected.shutdown === 'clean');
    expectSame(data.partition(name, 0), expected);
    await data.close();
    rmSync(join(directory, '.kafka_cleanshutdown'));
    const recovered = await DataDirectory.open({ directory });
    expect(recovered.wasClean).toBe(false);
    expectSame(recovered.partition(name, 0), expected);
    await recovered.close();
  });
});
