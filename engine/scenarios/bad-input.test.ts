import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Store } from '../embedded/store.js';
import type { ErrorCode } from '../errors.js';
import { writeCrc } from '../format/batch-header.js';
import { BatchOptions, batchSizeBound, writeBatch } from '../format/batch-writer.js';
import {
  ATTRIBUTES_AT,
  BASE_OFFSET_AT,
  BATCH_LENGTH_AT,
  BATCH_OVERHEAD,
  CONTROL_BIT,
  LAST_OFFSET_DELTA_AT,
  LOG_OVERHEAD,
  MAGIC_AT,
  MAX_TIMESTAMP_AT,
  PARTITION_LEADER_EPOCH_AT,
  PRODUCER_ID_AT,
  RECORDS_COUNT_AT,
  TIMESTAMP_TYPE_BIT,
} from '../format/layout.js';
import { openFileSystem } from '../io/index.js';
import type { FileSystem } from '../io/port.js';
import type { TopicSettings } from '../log/log-options.js';
import { PartitionLog } from '../log/partition-log.js';
import type { RecordInput } from '../types.js';

/*
 * What a caller gets for input that is wrong: an error with its code, the value and the limit in the message; and the
 * log is as it was, takes the next append, and opens again with all that was acknowledged.
 */
interface Row {
  readonly name: string;
  readonly config?: TopicSettings;
  readonly call: (log: PartitionLog) => unknown;
  readonly code: ErrorCode;
  /** What the message says: the value and the limit. */
  readonly says: readonly (string | number)[];
}

let root: string;
let fs: FileSystem;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'varve-bad-input-'));
  fs = openFileSystem();
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const wrong = <T>(value: unknown) => value as T;
const NOW = Date.now();
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const LIMIT = { 'max.message.bytes': 1000 };
const bytes = (n: number) => Buffer.alloc(n, 'x');

/** A batch as a client sends it, changed and its checksum made right again. */
function batch(change: (view: DataView, buffer: Buffer) => void = () => undefined): Buffer {
  const records: RecordInput[] = [
    { key: 'k1', value: 'v1' },
    { key: 'k2', value: 'v2' },
  ];
  const buffer = Buffer.alloc(batchSizeBound(records, 0, 2));
  const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
  const options = Object.assign(new BatchOptions(), { now: NOW });
  const size = writeBatch(buffer, view, 0, records, 0, 2, options);
  change(view, buffer);
  writeCrc(buffer, view, 0);
  return buffer.subarray(0, size);
}

/** A batch of compressed records whose header is right: `count` records, of which nothing is known. */
function compressedBatch(code: number, payload: Buffer, count: number): Buffer {
  const buffer = Buffer.alloc(BATCH_OVERHEAD + payload.length);
  batch().copy(buffer, 0, 0, BATCH_OVERHEAD);
  payload.copy(buffer, BATCH_OVERHEAD);
  const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
  view.setInt32(BATCH_LENGTH_AT, buffer.length - LOG_OVERHEAD);
  view.setInt16(ATTRIBUTES_AT, code);
  view.setInt32(RECORDS_COUNT_AT, count);
  view.setInt32(LAST_OFFSET_DELTA_AT, count - 1);
  writeCrc(buffer, view, 0);
  return buffer;
}

function flipped(source: Buffer, at: number): Buffer {
  const copy = Buffer.from(source);
  copy[at]! ^= 0x40;
  return copy;
}

const RECORDS: Row[] = [
  {
    name: 'no records',
    call: (log) => log.append([]),
    code: 'INVALID_ARGUMENT',
    says: ['no records'],
  },
  {
    name: 'a value above max.message.bytes',
    config: LIMIT,
    call: (log) => log.append([{ value: bytes(1001) }]),
    code: 'MESSAGE_TOO_LARGE',
    says: ['max.message.bytes', 1000],
  },
  {
    name: 'a key above max.message.bytes',
    config: LIMIT,
    call: (log) => log.append([{ key: bytes(1001), value: null }]),
    code: 'MESSAGE_TOO_LARGE',
    says: ['max.message.bytes', 1000],
  },
  {
    name: 'a header above max.message.bytes',
    config: LIMIT,
    call: (log) => log.append([{ headers: [{ key: 'h', value: bytes(1001) }] }]),
    code: 'MESSAGE_TOO_LARGE',
    says: ['max.message.bytes', 1000],
  },
  {
    name: 'a header key above max.message.bytes',
    config: LIMIT,
    call: (log) => log.append([{ headers: [{ key: 'h'.repeat(1001), value: null }] }]),
    code: 'MESSAGE_TOO_LARGE',
    says: ['max.message.bytes', 1000],
  },
  {
    name: 'records that fit alone but not together',
    config: LIMIT,
    call: (log) => log.append(Array.from({ length: 20 }, () => ({ value: bytes(100) }))),
    code: 'MESSAGE_TOO_LARGE',
    says: ['max.message.bytes', 1000],
  },
  {
    name: 'a batch above segment.bytes',
    config: { 'internal.segment.bytes': 2000 },
    call: (log) => log.append([{ value: bytes(3000) }]),
    code: 'RECORD_LIST_TOO_LARGE',
    says: ['segment.bytes', 2000],
  },
  {
    name: 'more records than a batch can say',
    call: (log) => {
      const value = bytes(64 * 1024 * 1024);
      log.append(Array.from({ length: 40 }, () => ({ value })));
    },
    code: 'RECORD_LIST_TOO_LARGE',
    says: [40, 'limit of'],
  },
  {
    name: 'a key that is a number',
    call: (log) => log.append([{ value: 'good' }, { key: wrong(7), value: 'bad' }]),
    code: 'INVALID_RECORD',
    says: ['record 1', 'key', 'number'],
  },
  {
    name: 'a value that is an object',
    call: (log) => log.append([{ value: wrong({}) }]),
    code: 'INVALID_RECORD',
    says: ['record 0', 'value', 'object'],
  },
  {
    name: 'a record that is null',
    call: (log) => log.append([wrong(null)]),
    code: 'INVALID_RECORD',
    says: ['record 0'],
  },
  {
    name: 'headers that are no list',
    call: (log) => log.append([{ headers: wrong({ key: 'h' }) }]),
    code: 'INVALID_RECORD',
    says: ['record 0', 'headers'],
  },
  {
    name: 'a header without a key',
    call: (log) => log.append([{ headers: [wrong({ value: 'v' })] }]),
    code: 'INVALID_RECORD',
    says: ['record 0', 'header'],
  },
  {
    name: 'no key in a compacted log',
    config: { 'cleanup.policy': 'compact' },
    call: (log) => log.append([{ key: 'k', value: 'v' }, { value: 'v' }]),
    code: 'INVALID_RECORD',
    says: ['record 1', 'cleanup.policy=compact'],
  },
  ...[Number.NaN, -2, 1.5, 2 ** 60].map(
    (timestamp): Row => ({
      name: `timestamp ${timestamp}`,
      call: (log) => log.append([{ timestamp, value: 'v' }]),
      code: 'INVALID_RECORD',
      says: ['record 0', timestamp],
    }),
  ),
  {
    name: 'a timestamp too far ahead',
    call: (log) => log.append([{ timestamp: NOW + 2 * DAY, value: 'v' }]),
    code: 'INVALID_TIMESTAMP',
    says: [NOW + 2 * DAY, `message.timestamp.after.max.ms ${HOUR}`],
  },
  {
    name: 'a timestamp too long ago',
    config: { 'message.timestamp.before.max.ms': HOUR },
    call: (log) => log.append([{ value: 'v' }, { timestamp: NOW - DAY, value: 'v' }]),
    code: 'INVALID_TIMESTAMP',
    says: [NOW - DAY, `message.timestamp.before.max.ms ${HOUR}`],
  },
  {
    name: 'a codec there is not',
    call: (log) => log.append([{ value: bytes(100) }], { compression: wrong('brotli') }),
    code: 'UNSUPPORTED_COMPRESSION_TYPE',
    says: ['brotli'],
  },
];

const BATCHES: Row[] = [
  {
    name: 'no batch',
    call: (log) => log.appendBatches(Buffer.alloc(0)),
    code: 'INVALID_RECORD',
    says: ['no batch'],
  },
  {
    name: 'a batch cut short',
    call: (log) => log.appendBatches(batch().subarray(0, -1)),
    code: 'CORRUPT_MESSAGE',
    says: ['batch 0'],
  },
  {
    name: 'half a header',
    call: (log) => log.appendBatches(batch().subarray(0, 30)),
    code: 'CORRUPT_MESSAGE',
    says: ['batch 0'],
  },
  {
    name: 'a good batch and one with a flipped bit',
    call: (log) => log.appendBatches(Buffer.concat([batch(), flipped(batch(), 70)])),
    code: 'CORRUPT_MESSAGE',
    says: ['batch 1', 'checksum'],
  },
  {
    name: 'something else',
    call: (log) =>
      log.appendBatches(Buffer.from('GET / HTTP/1.1\r\nHost: example.org\r\n'.repeat(4))),
    code: 'CORRUPT_MESSAGE',
    says: ['batch 0'],
  },
  {
    name: 'zeros',
    call: (log) => log.appendBatches(Buffer.alloc(200)),
    code: 'CORRUPT_MESSAGE',
    says: ['batch 0'],
  },
  {
    name: 'a message of magic 1',
    call: (log) => log.appendBatches(batch((view) => view.setInt8(MAGIC_AT, 1))),
    code: 'CORRUPT_MESSAGE',
    says: ['message format 1'],
  },
  {
    name: 'an unknown codec',
    call: (log) => log.appendBatches(batch((view) => view.setInt16(ATTRIBUTES_AT, 6))),
    code: 'CORRUPT_MESSAGE',
    says: ['compression', 6],
  },
  {
    name: 'a batch above max.message.bytes',
    config: { 'max.message.bytes': 70 },
    call: (log) => log.appendBatches(batch()),
    code: 'MESSAGE_TOO_LARGE',
    says: ['max.message.bytes', 70],
  },
  {
    name: 'a length of 2 GiB',
    call: (log) => {
      const lying = batch();
      lying.writeInt32BE(0x7fffffff, BATCH_LENGTH_AT);
      log.appendBatches(lying);
    },
    code: 'CORRUPT_MESSAGE',
    says: ['batch 0'],
  },
  {
    name: 'a count that lies',
    call: (log) => log.appendBatches(batch((view) => view.setInt32(RECORDS_COUNT_AT, 1))),
    code: 'INVALID_RECORD',
    says: ['says 1', 'delta of 1'],
  },
  {
    name: 'a base offset',
    call: (log) => log.appendBatches(batch((view) => view.setBigInt64(BASE_OFFSET_AT, 5n))),
    code: 'INVALID_RECORD',
    says: ['base offset', 5],
  },
  {
    name: 'an offset no number holds exactly',
    call: (log) => log.appendBatches(batch((view) => view.setBigInt64(BASE_OFFSET_AT, 1n << 60n))),
    code: 'CORRUPT_MESSAGE',
    says: ['offset'],
  },
  {
    name: 'control records of a client',
    call: (log) => log.appendBatches(batch((view) => view.setInt16(ATTRIBUTES_AT, CONTROL_BIT))),
    code: 'INVALID_RECORD',
    says: ['control'],
  },
  {
    name: 'log append time of a client',
    call: (log) =>
      log.appendBatches(batch((view) => view.setInt16(ATTRIBUTES_AT, TIMESTAMP_TYPE_BIT))),
    code: 'INVALID_TIMESTAMP',
    says: ['LogAppendTime'],
  },
  {
    name: 'a timestamp too far ahead',
    call: (log) =>
      log.appendBatches(batch((view) => view.setBigInt64(MAX_TIMESTAMP_AT, BigInt(NOW + 2 * DAY)))),
    code: 'INVALID_TIMESTAMP',
    says: [NOW + 2 * DAY, HOUR],
  },
  {
    name: 'a producer without a sequence',
    call: (log) => log.appendBatches(batch((view) => view.setBigInt64(PRODUCER_ID_AT, 9n))),
    code: 'INVALID_RECORD',
    says: ['producer id 9', 'sequence -1'],
  },
  {
    name: 'compressed records that are none',
    call: (log) => log.appendBatches(compressedBatch(1, Buffer.from('not gzip at all'), 2)),
    code: 'CORRUPT_MESSAGE',
    says: ['gzip'],
  },
  {
    name: 'fewer compressed records than the header says',
    call: (log) => log.appendBatches(compressedBatch(1, gzipSync(Buffer.alloc(3)), 1000)),
    code: 'CORRUPT_MESSAGE',
    says: [1000],
  },
  {
    name: 'a follower’s batch that does not continue the log',
    call: (log) =>
      log.appendBatches(
        batch((view) => view.setBigInt64(BASE_OFFSET_AT, 1n)),
        { origin: 'replication' },
      ),
    code: 'OFFSET_OUT_OF_RANGE',
    says: ['offset 1', 'ends at 3'],
  },
];

const BAD_OFFSETS = [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, wrong<number>('3')];
const OFFSETS: Row[] = [
  ...BAD_OFFSETS.flatMap((offset): Row[] =>
    (
      [
        ['read', (log) => log.read(offset)],
        ['readRecord', (log) => log.readRecord(offset)],
        ['waitFor', (log) => log.waitFor(offset)],
        ['truncateTo', (log) => log.truncateTo(offset)],
        ['truncateFullyAndStartAt', (log) => log.truncateFullyAndStartAt(offset)],
        ['deleteRecordsBefore', (log) => log.deleteRecordsBefore(offset)],
        ['setHighWatermark', (log) => log.setHighWatermark(offset)],
      ] as [string, Row['call']][]
    ).map(([method, call]) => ({
      name: `${method}(${offset})`,
      call,
      code: 'INVALID_ARGUMENT',
      says: [String(offset), Number.MAX_SAFE_INTEGER],
    })),
  ),
  ...[Number.NaN, 0.5, wrong<number>('now')].map(
    (time): Row => ({
      name: `findByTimestamp(${time})`,
      call: (log) => log.findByTimestamp(time),
      code: 'INVALID_ARGUMENT',
      says: [String(time)],
    }),
  ),
  ...(['read', 'readRecord'] as const).map(
    (method): Row => ({
      name: `${method} past the end`,
      call: (log) => log[method](4),
      code: 'OFFSET_OUT_OF_RANGE',
      says: ['offset 4', '[0, 3)'],
    }),
  ),
  ...(['read', 'readRecord'] as const).map(
    (method): Row => ({
      name: `${method} below the start`,
      call: async (log) => {
        await log.deleteRecordsBefore(2);
        log[method](1);
      },
      code: 'OFFSET_OUT_OF_RANGE',
      says: ['offset 1', '[2, 3)'],
    }),
  ),
  {
    name: 'deleting past the end',
    call: (log) => log.deleteRecordsBefore(4),
    code: 'OFFSET_OUT_OF_RANGE',
    says: [4, 'high watermark is 3'],
  },
  {
    name: 'an older leader epoch',
    call: (log) => {
      log.setLeaderEpoch(5);
      log.setLeaderEpoch(4);
    },
    code: 'FENCED_LEADER_EPOCH',
    says: [4, 5],
  },
];

async function expectRefused(row: Row): Promise<void> {
  const directory = join(root, 'events-0');
  const config = row.config ?? {};
  const log = await PartitionLog.open({ directory, fs, config });
  const values = ['a', 'b', 'c'];
  for (const value of values) log.append([{ key: 'k', value }]);
  const error = await Promise.resolve()
    .then(() => row.call(log))
    .then(
      () => null,
      (thrown: unknown) => thrown,
    );
  expect(error).toMatchObject({ name: 'VarveError', code: row.code });
  for (const part of row.says) expect((error as Error).message).toContain(String(part));
  expect(log.logEndOffset).toBe(3);
  expect(log.poisoned).toBeNull();
  // Exactly as it was: the next record comes right behind, and a crash leaves nothing of what was refused.
  expect(log.append([{ key: 'k', value: 'd' }]).baseOffset).toBe(3);
  const start = log.logStartOffset;
  await log.close();
  expect(fs.usage().openFiles).toBe(0);
  const again = await PartitionLog.open({ directory, fs, config });
  expect(again.recovery.wasClean).toBe(true);
  expect([again.logStartOffset, again.logEndOffset]).toEqual([start, 4]);
  for (let offset = start; offset < 4; offset += 1) {
    const record = again.readRecord(offset, { checkCrcs: true })!;
    expect(Buffer.from(record.value!).toString()).toBe([...values, 'd'][offset]);
  }
  await again.close();
}

describe.each(['mmap', 'portable'] as const)('a log refuses (%s)', (kind) => {
  beforeEach(() => {
    fs = openFileSystem({ kind });
  });
  it.each(RECORDS)('records: $name', expectRefused);
  it.each(BATCHES)('ready batches: $name', expectRefused);
  it.each(OFFSETS)('offsets: $name', expectRefused);
});

describe('a log takes', () => {
  const EMPTY: [string, RecordInput][] = [
    ['nothing at all', {}],
    ['an empty value', { value: '' }],
    ['an empty key', { key: Buffer.alloc(0), value: null }],
    ['an empty header', { headers: [{ key: '', value: '' }] }],
    ['a header without a value', { headers: [{ key: 'h', value: null }] }],
    ['no timestamp', { timestamp: -1, value: 'v' }],
    ['the beginning of time', { timestamp: 0, value: 'v' }],
    ['text beyond the basic plane', { key: '𝕍', value: 'ä→😀' }],
    ['half of a surrogate pair', { value: '\ud800' }],
  ];
  it.each(EMPTY)('%s', async (_, record) => {
    const log = await PartitionLog.open({ directory: join(root, 'events-0'), fs });
    log.append([record]);
    const found = log.readRecord(0, { checkCrcs: true })!;
    const text = (value: unknown) =>
      value === null || value === undefined ? null : Buffer.from(value as string);
    const same = (a: Uint8Array | null, b: Buffer | null) =>
      a === null || b === null ? a === b : Buffer.compare(a, b) === 0;
    expect(same(found.key, text(record.key))).toBe(true);
    expect(same(found.value, text(record.value))).toBe(true);
    expect(found.headers).toHaveLength(record.headers?.length ?? 0);
    for (const [i, header] of (record.headers ?? []).entries()) {
      expect(found.headers[i]!.key).toBe(header.key);
      expect(same(found.headers[i]!.value, text(header.value))).toBe(true);
    }
    if (record.timestamp !== undefined) expect(found.timestamp).toBe(record.timestamp);
    await log.close();
  });
});

describe('a decompression bomb', () => {
  let bomb: Buffer;
  beforeAll(() => {
    bomb = compressedBatch(1, gzipSync(Buffer.alloc(300 * 1024 * 1024), { level: 1 }), 1);
  });
  afterAll(() => {
    bomb = Buffer.alloc(0);
  });

  it('is refused when it is appended, with the limit', async () => {
    await expectRefused({
      name: 'bomb',
      config: { 'max.message.bytes': 100_000_000 },
      call: (log) => log.appendBatches(bomb),
      code: 'DECOMPRESSION_LIMIT',
      says: [256 * 1024 * 1024],
    });
  });

  it('that came by replication is refused to its reader, and the records around it are read', async () => {
    const config = { 'max.message.bytes': 100_000_000 };
    const log = await PartitionLog.open({ directory: join(root, 'events-0'), fs, config });
    log.append([{ value: 'before' }]);
    const view = new DataView(bomb.buffer, bomb.byteOffset, bomb.length);
    view.setBigInt64(BASE_OFFSET_AT, 1n);
    view.setInt32(PARTITION_LEADER_EPOCH_AT, 0);
    log.appendBatches(bomb, { origin: 'replication' });
    view.setBigInt64(BASE_OFFSET_AT, 0n);
    log.append([{ value: 'after' }]);
    expect(() => log.readRecord(1)).toThrowError(
      expect.objectContaining({ code: 'DECOMPRESSION_LIMIT' }),
    );
    expect(Buffer.from(log.readRecord(0)!.value!).toString()).toBe('before');
    expect(Buffer.from(log.readRecord(2)!.value!).toString()).toBe('after');
    await log.close();
  });
});

describe('opening a log refuses', () => {
  const SETTINGS: [object, (string | number)[]][] = [
    [{ 'segment.bytes': 5 }, ['segment.bytes', 5, 1048576]],
    [{ 'segment.byte': 5 }, ['segment.byte']],
    [{ 'retention.ms': -2 }, ['retention.ms', -2, '-1']],
    [{ 'cleanup.policy': 'keep' }, ['cleanup.policy', 'keep', 'compact']],
    [{ 'index.interval.bytes': 'many' }, ['index.interval.bytes', 'many']],
    [{ segmentMs: 0 }, ['segment.ms', 0, 1]],
  ];
  it.each(SETTINGS)('settings %j', async (config, says) => {
    const opened = PartitionLog.open({ directory: join(root, 'events-0'), fs, config });
    const error: Error = await opened.then(
      () => new Error('it was opened'),
      (thrown: Error) => thrown,
    );
    expect(error).toMatchObject({ code: 'INVALID_CONFIG' });
    for (const part of says) expect(error.message).toContain(String(part));
    // The lock is free again.
    const log = await PartitionLog.open({ directory: join(root, 'events-0'), fs });
    await log.close();
    expect(fs.usage().openFiles).toBe(0);
  });
});

describe('a store refuses', () => {
  let store: Store;
  beforeEach(async () => {
    store = await Store.open({ directory: join(root, 'data'), fs });
    await store.createTopic('t', { partitions: 2 });
    await store.producer().send({ topic: 't', partition: 0, value: 'kept' });
  });
  afterEach(async () => {
    expect(store.listTopics()).toEqual(['t']);
    await store.producer().send({ topic: 't', partition: 0, value: 'works on' });
    await store.close();
    const again = await Store.open({ directory: join(root, 'data'), fs });
    expect(again.wasClean).toBe(true);
    expect(again.listTopics()).toEqual(['t']);
    expect(again.partition('t', 0).logEndOffset).toBe(2);
    await again.close();
    expect(fs.usage().openFiles).toBe(0);
  });

  const NAMES = [
    '',
    '.',
    '..',
    'a/b',
    '../t',
    'a\\b',
    'a\0b',
    'a b',
    'é',
    'x'.repeat(250),
    wrong<string>(7),
  ];
  it.each(NAMES)('topic name %j', async (name) => {
    const made = store.createTopic(name);
    await expect(made).rejects.toMatchObject({ code: 'INVALID_TOPIC' });
    const shown = JSON.stringify(String(name));
    await expect(made).rejects.toThrow(shown);
  });

  interface StoreRow {
    readonly name: string;
    readonly call: (store: Store) => unknown;
    readonly code: ErrorCode;
    readonly says: readonly (string | number)[];
  }
  const PLACE = { topic: 't', partition: 0 };
  const STORE: StoreRow[] = [
    {
      name: 'a topic that is there',
      call: (s) => s.createTopic('t'),
      code: 'TOPIC_ALREADY_EXISTS',
      says: ['t'],
    },
    ...[0, -1, 1.5, Number.NaN].map(
      (partitions): StoreRow => ({
        name: `${partitions} partitions`,
        call: (s) => s.createTopic('u', { partitions }),
        code: 'INVALID_PARTITIONS',
        says: [String(partitions)],
      }),
    ),
    {
      name: 'fewer partitions',
      call: (s) => s.addPartitions('t', 1),
      code: 'INVALID_PARTITIONS',
      says: [1, 2],
    },
    {
      name: 'a setting out of range',
      call: (s) => s.createTopic('u', { config: { 'segment.bytes': 5 } }),
      code: 'INVALID_CONFIG',
      says: ['segment.bytes', 5, 1048576],
    },
    {
      name: 'a changed setting out of range',
      call: (s) => s.alterConfig('t', { 'retention.ms': -7 }),
      code: 'INVALID_CONFIG',
      says: ['retention.ms', -7],
    },
    {
      name: 'deleting a topic there is not',
      call: (s) => s.deleteTopic('u'),
      code: 'UNKNOWN_TOPIC_OR_PARTITION',
      says: ['u'],
    },
    {
      name: 'sending to a topic there is not',
      call: (s) => s.producer().send({ topic: 'u', value: 'v' }),
      code: 'UNKNOWN_TOPIC_OR_PARTITION',
      says: ['u'],
    },
    ...[2, -1, 0.5].map(
      (partition): StoreRow => ({
        name: `sending to partition ${partition}`,
        call: (s) => s.producer().send({ topic: 't', partition, value: 'v' }),
        code: 'UNKNOWN_TOPIC_OR_PARTITION',
        says: [partition, '0..1'],
      }),
    ),
    {
      name: 'sending a record above max.message.bytes',
      call: (s) => s.producer().send({ topic: 't', partition: 0, value: bytes(2_000_000) }),
      code: 'MESSAGE_TOO_LARGE',
      says: ['max.message.bytes', 1024 * 1024 + 12],
    },
    {
      name: 'sending a timestamp too far ahead',
      call: (s) => s.producer().send({ ...PLACE, timestamp: NOW + 2 * DAY, value: 'v' }),
      code: 'INVALID_TIMESTAMP',
      says: [NOW + 2 * DAY],
    },
    {
      name: 'a producer of negative batches',
      call: (s) => s.producer({ batchBytes: -1 }),
      code: 'INVALID_CONFIG',
      says: ['batchBytes', -1],
    },
    ...[-1, 0.5, Number.NaN, 2 ** 53].map(
      (offset): StoreRow => ({
        name: `seeking to ${offset}`,
        call: (s) => {
          const consumer = s.consumer();
          consumer.assignTopics('t');
          consumer.seek(PLACE, offset);
        },
        code: 'INVALID_ARGUMENT',
        says: [String(offset)],
      }),
    ),
    {
      name: 'seeking past the end, without a reset',
      call: async (s) => {
        const consumer = s.consumer({ autoOffsetReset: 'none' });
        consumer.assign([{ ...PLACE, offset: 9 }]);
        await consumer.poll({ timeoutMs: 0 });
      },
      code: 'OFFSET_OUT_OF_RANGE',
      says: ['offset 9', '[0, 1)'],
    },
    {
      name: 'a position of a partition that is not assigned',
      call: (s) => s.consumer().position(PLACE),
      code: 'INVALID_ARGUMENT',
      says: ['t-0'],
    },
    {
      name: 'a consumer of no records',
      call: (s) => s.consumer({ maxPollRecords: 0 }),
      code: 'INVALID_CONFIG',
      says: ['maxPollRecords', 0],
    },
  ];
  it.each(STORE)('$name', async ({ call, code, says }) => {
    const error = await Promise.resolve()
      .then(() => call(store))
      .then(
        () => null,
        (thrown: unknown) => thrown,
      );
    expect(error).toMatchObject({ name: 'VarveError', code });
    for (const part of says) expect((error as Error).message).toContain(String(part));
  });
});
