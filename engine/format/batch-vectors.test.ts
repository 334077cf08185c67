import { describe, expect, it } from 'vitest';
import { type BatchVector, bytesOf, kafkaVectors } from '../testing/kafka-vectors.js';
import type { LogRecord, RecordInput } from '../types.js';
import { BatchProblem, checkBatch } from './batch-check.js';
import { readBatchHeader } from './batch-header.js';
import { readRecords, records } from './batch-reader.js';
import { BatchOptions, batchSizeBound, writeBatch } from './batch-writer.js';

const batches = kafkaVectors.recordBatches;
const whole = { crc: true, maxBytes: 1 << 20 };

function hex(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : Buffer.from(bytes).toString('hex');
}

function plain(record: LogRecord) {
  return {
    keyHex: hex(record.key),
    valueHex: hex(record.value),
    headers: record.headers.map(({ key, value }) => [key, hex(value)]),
  };
}

/** What the vector holds; those of codecs its maker could not read hold what their plain sister does. */
function recordsOf(vector: BatchVector) {
  const known =
    vector.records ?? batches.find(({ name }) => name === sisters[vector.name])!.records!;
  return known.map(({ keyHex, valueHex, headers }) => ({ keyHex, valueHex, headers }));
}

const sisters: Record<string, string> = {
  'kcat-snappy-v7': 'kcat-none-v7',
  'kcat-lz4-v7': 'kcat-none-v7',
  'kcat-zstd-v7': 'kcat-none-v7',
  'kafkajs-snappy-v7': 'kafkajs-none-v7',
  'plt-snappy-v11': 'plt-none-v11',
  'plt-lz4-v11': 'plt-none-v11',
  'tansu/produce_request_v10_002': 'tansu/deflated-gzip',
  'tansu/produce_request_v10_003': 'tansu/deflated-gzip',
  'tansu/deflated-zstd': 'tansu/deflated-gzip',
  'tansu/deflated-lz4': 'tansu/deflated-gzip',
  'tansu/deflated-snappy': 'tansu/deflated-gzip',
};

describe('batches of real clients', () => {
  it.each(batches)('$name: header and checksum', (vector) => {
    const { buffer, view } = bytesOf(vector.hex);
    expect(checkBatch(buffer, view, 0, buffer.length, whole)).toBe(BatchProblem.BATCH_OK);
    expect(readBatchHeader(view, 0)).toMatchObject({ ...vector.header, sizeInBytes: vector.size });
  });

  it.each(batches)('$name: records', (vector) => {
    const { buffer } = bytesOf(vector.hex);
    const read = readRecords(buffer, 0);
    expect(read.map(plain)).toEqual(recordsOf(vector));
    expect([...records(buffer, 0)]).toEqual(read);
    const { baseTimestamp, maxTimestamp, attributes } = vector.header;
    for (const [index, record] of read.entries()) {
      const known = vector.records?.[index];
      expect(record.offset).toBe(vector.header.baseOffset! + (known?.offsetDelta ?? index));
      if (known === undefined) continue;
      const logAppendTime = (attributes! & 8) !== 0;
      expect(record.timestamp).toBe(
        logAppendTime ? maxTimestamp : baseTimestamp! + known.timestampDelta,
      );
    }
  });

  it.each(batches.filter(({ header }) => header.attributes === 0))(
    '$name: encoded again, byte for byte',
    (vector) => {
      const { buffer } = bytesOf(vector.hex);
      const { header } = vector;
      const inputs: RecordInput[] = readRecords(buffer, 0);
      const options = new BatchOptions();
      options.baseOffset = header.baseOffset!;
      options.leaderEpoch = header.partitionLeaderEpoch!;
      options.producerId = header.producerId!;
      options.producerEpoch = header.producerEpoch!;
      options.baseSequence = header.baseSequence!;
      const bound = batchSizeBound(inputs, 0, inputs.length);
      const made = Buffer.alloc(bound + 5);
      const view = new DataView(made.buffer, made.byteOffset, made.length);
      const size = writeBatch(made, view, 5, inputs, 0, inputs.length, options);
      expect(made.subarray(5, 5 + size).toString('hex')).toBe(vector.hex);
      expect(options.maxTimestamp).toBe(header.maxTimestamp);
    },
  );

  it('are enough to mean something: every codec, LogAppendTime, null and empty keys, headers', () => {
    expect(batches).toHaveLength(29);
    expect(new Set(batches.map(({ header }) => header.attributes! & 7)).size).toBe(5);
    expect(batches.some(({ header }) => (header.attributes! & 8) !== 0)).toBe(true);
    const all = batches.flatMap(({ hex }) => readRecords(bytesOf(hex).buffer, 0));
    expect(all.some(({ key }) => key === null)).toBe(true);
    expect(all.some(({ key }) => key?.length === 0)).toBe(true);
    expect(all.some(({ value }) => value === null)).toBe(true);
    expect(all.some(({ headers }) => headers.length === 3)).toBe(true);
  });
});
