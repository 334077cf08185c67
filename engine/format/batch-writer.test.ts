import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isVarveError } from '../errors.js';
import { withView } from '../testing/kafka-vectors.js';
import { COMPRESSION_TYPES, type HeaderInput, type LogRecord, type RecordInput } from '../types.js';
import { BatchBuilder } from './batch-builder.js';
import { BatchProblem, checkBatch } from './batch-check.js';
import { readBatchHeader } from './batch-header.js';
import { readRecords } from './batch-reader.js';
import { BatchOptions, batchSizeBound, writeBatch } from './batch-writer.js';

const NOW = 1_700_000_000_000;
const MAX_SAFE = Number.MAX_SAFE_INTEGER;

const text = fc.oneof(
  fc.string({ maxLength: 60 }),
  fc.string({ unit: 'binary', maxLength: 60 }),
  // Any UTF-16 units, lone surrogates too.
  fc.array(fc.nat(0xffff), { maxLength: 20 }).map((units) => String.fromCharCode(...units)),
);
const bytes = fc.oneof(text, fc.uint8Array({ maxLength: 300 }));
const nullableBytes = fc.option(bytes);
const header: fc.Arbitrary<HeaderInput> = fc.record({ key: text, value: nullableBytes });
const timestamp = fc.oneof(
  fc.integer({ min: NOW - 10_000, max: NOW + 10_000 }),
  fc.integer({ min: -1, max: MAX_SAFE }),
);
const record: fc.Arbitrary<RecordInput> = fc.record(
  {
    key: nullableBytes,
    value: nullableBytes,
    headers: fc.array(header, { maxLength: 4 }),
    timestamp,
  },
  { requiredKeys: [] },
);
const batch = fc.array(record, { minLength: 1, maxLength: 40 });
const settings = fc.record({
  baseOffset: fc.integer({ min: 0, max: MAX_SAFE - 40 }),
  leaderEpoch: fc.integer({ min: -1, max: 0x7fff_ffff }),
  compression: fc.constantFrom(...COMPRESSION_TYPES),
  timestampType: fc.constantFrom('CreateTime' as const, 'LogAppendTime' as const),
  producerId: fc.integer({ min: -1, max: MAX_SAFE }),
  producerEpoch: fc.integer({ min: -1, max: 0x7fff }),
  baseSequence: fc.integer({ min: -1, max: 0x7fff_ffff }),
  isTransactional: fc.boolean(),
  now: fc.constant(NOW),
});

function optionsOf(values: Partial<BatchOptions>): BatchOptions {
  return Object.assign(new BatchOptions(), { now: NOW }, values);
}

function stored(input: string | Uint8Array | null | undefined): Buffer | null {
  return input === null || input === undefined ? null : Buffer.from(input as string);
}

/** What reading must give for what was written. */
function expected(inputs: readonly RecordInput[], options: BatchOptions) {
  return inputs.map((input, index) => ({
    offset: options.baseOffset + index,
    timestamp: options.timestampType === 'LogAppendTime' ? NOW : (input.timestamp ?? NOW),
    key: stored(input.key),
    value: stored(input.value),
    headers: (input.headers ?? []).map(({ key, value }) => ({
      key: Buffer.from(key).toString(),
      value: stored(value),
    })),
  }));
}

function comparable(records: readonly LogRecord[]) {
  const bufferOf = (view: Uint8Array | null) => (view === null ? null : Buffer.from(view));
  return records.map((read) => ({
    ...read,
    key: bufferOf(read.key),
    value: bufferOf(read.value),
    headers: read.headers.map(({ key, value }) => ({ key, value: bufferOf(value) })),
  }));
}

function write(inputs: readonly RecordInput[], options: BatchOptions, at = 0): Buffer {
  const { buffer, view } = withView(Buffer.alloc(at + batchSizeBound(inputs, 0, inputs.length)));
  const size = writeBatch(buffer, view, at, inputs, 0, inputs.length, options);
  return buffer.subarray(at, at + size);
}

function check(buffer: Buffer): BatchProblem {
  const { view } = withView(buffer);
  return checkBatch(buffer, view, 0, buffer.length, { crc: true, maxBytes: 1 << 24 });
}

describe('writeBatch, by property', () => {
  it('is read back as it was written, with every codec, type of time and producer', () => {
    fc.assert(
      fc.property(batch, settings, fc.nat(30), (inputs, values, at) => {
        const options = optionsOf(values);
        const written = write(inputs, options, at);
        expect(check(written)).toBe(BatchProblem.BATCH_OK);
        const records = expected(inputs, options);
        expect(comparable(readRecords(written, 0))).toEqual(records);

        const times = records.map((each) => each.timestamp);
        const maxTimestamp = Math.max(...times);
        expect(options.maxTimestamp).toBe(maxTimestamp);
        expect(options.offsetOfMaxTimestamp).toBe(options.baseOffset + times.indexOf(maxTimestamp));
        const header = readBatchHeader(withView(written).view, 0);
        expect(header).toMatchObject({
          baseOffset: options.baseOffset,
          lastOffset: options.baseOffset + inputs.length - 1,
          partitionLeaderEpoch: options.leaderEpoch,
          timestampType: options.timestampType,
          producerId: options.producerId,
          producerEpoch: options.producerEpoch,
          baseSequence: options.baseSequence,
          isTransactional: options.isTransactional,
          isControl: false,
          recordsCount: inputs.length,
          maxTimestamp,
          sizeInBytes: written.length,
        });
        expect([options.compression, 'none']).toContain(header.compression);
      }),
      { numRuns: 300 },
    );
  });

  it('writes the same batch as a builder that gets the records one by one', () => {
    fc.assert(
      fc.property(batch, settings, fc.nat(2000), (inputs, values, initialBytes) => {
        const whole = optionsOf(values);
        const oneByOne = optionsOf(values);
        const builder = new BatchBuilder({ initialBytes });
        const plain = write(inputs, optionsOf({ ...values, compression: 'none' }));
        for (const input of inputs) builder.append(input, NOW);
        expect(builder.count).toBe(inputs.length);
        expect(builder.sizeInBytes).toBe(plain.length);
        expect(builder.finish(oneByOne).equals(write(inputs, whole))).toBe(true);
        expect(oneByOne).toEqual(whole);
        expect(builder.count).toBe(0);
      }),
    );
  });

  it('writes a part of a list as that part alone, and nothing outside its place', () => {
    fc.assert(
      fc.property(batch, fc.nat(), fc.nat(), (inputs, a, b) => {
        const start = a % inputs.length;
        const end = start + 1 + (b % (inputs.length - start));
        const bound = batchSizeBound(inputs, start, end);
        const { buffer, view } = withView(Buffer.alloc(bound + 20, 0xa5));
        const size = writeBatch(buffer, view, 10, inputs, start, end, optionsOf({}));
        expect(size).toBeLessThanOrEqual(bound);
        const alone = write(inputs.slice(start, end), optionsOf({}));
        expect(buffer.subarray(10, 10 + size).equals(alone)).toBe(true);
        expect(buffer.subarray(0, 10).every((byte) => byte === 0xa5)).toBe(true);
        expect(buffer.subarray(10 + bound).every((byte) => byte === 0xa5)).toBe(true);
      }),
    );
  });
});

describe('writeBatch', () => {
  it.each(['gzip', 'snappy', 'lz4', 'zstd'] as const)(
    'compresses with %s what shrinks',
    (codec) => {
      const inputs = Array.from({ length: 50 }, () => ({ value: 'the same line again and again' }));
      const written = write(inputs, optionsOf({ compression: codec }));
      expect(readBatchHeader(withView(written).view, 0).compression).toBe(codec);
      expect(written.length).toBeLessThan(500);
      expect(check(written)).toBe(BatchProblem.BATCH_OK);
      expect(readRecords(written, 0)).toHaveLength(50);
    },
  );

  it('stores plain what a codec would not make smaller', () => {
    const written = write([{ value: 'x' }], optionsOf({ compression: 'zstd' }));
    expect(readBatchHeader(withView(written).view, 0).compression).toBe('none');
    expect(check(written)).toBe(BatchProblem.BATCH_OK);
  });

  it('hands the level to the codec', () => {
    const inputs = Array.from({ length: 400 }, (_, i) => ({ value: `line ${i * 7919} of text` }));
    const sizes = [1, 9].map(
      (compressionLevel) =>
        write(inputs, optionsOf({ compression: 'gzip', compressionLevel })).length,
    );
    expect(sizes[1]).toBeLessThan(sizes[0]!);
  });

  it.each([15, 23, 24, 25, 41, 42, 43, 63, 64, 8191, 8192, 1 << 20])(
    'writes text of %d units, ASCII or not, at every length varint',
    (units) => {
      for (const value of ['a'.repeat(units), `${'a'.repeat(units - 1)}é`, '€'.repeat(units)]) {
        const inputs = [{ key: value, value, headers: [{ key: value, value }] }];
        const [read] = readRecords(write(inputs, optionsOf({})), 0);
        const wanted = Buffer.from(value);
        expect(wanted.equals(read!.key!)).toBe(true);
        expect(wanted.equals(read!.value!)).toBe(true);
        expect(read!.headers[0]!.key).toBe(value);
        expect(wanted.equals(read!.headers[0]!.value!)).toBe(true);
      }
    },
  );

  it('leaves zeros where a batch was refused, and after a compressed one', () => {
    const { buffer, view } = withView(Buffer.alloc(20_000));
    const inputs = Array.from({ length: 100 }, () => ({ value: 'line '.repeat(20), timestamp: 5 }));
    const options = optionsOf({ compression: 'gzip' });
    const size = writeBatch(buffer, view, 0, inputs, 0, 100, options);
    expect(buffer.subarray(size).every((byte) => byte === 0)).toBe(true);
    buffer.fill(0);
    inputs[99]!.timestamp = -5;
    expect(() => writeBatch(buffer, view, 0, inputs, 0, 100, options)).toThrow(/record 99/);
    expect(buffer.every((byte) => byte === 0)).toBe(true);
  });

  it('fails loudly when told to write past its destination', () => {
    const { buffer, view } = withView(Buffer.alloc(100));
    const value = new Uint8Array(100);
    expect(() => writeBatch(buffer, view, 0, [{ value }], 0, 1, optionsOf({}))).toThrow(RangeError);
    const many = Array.from({ length: 20 }, () => ({}));
    expect(() => writeBatch(buffer, view, 0, many, 0, 20, optionsOf({}))).toThrow(/varve bug/);
    expect(() => writeBatch(buffer, view, 0, [], 0, 0, optionsOf({}))).toThrow(/varve bug/);
  });
});

const good = { value: 'good' };
const badShapes: readonly (readonly [string, unknown, RegExp])[] = [
  ['null', null, /record 1 is not an object/],
  ['text', 'x', /record 1 is not an object/],
  ['a hole', undefined, /record 1 is not an object/],
  ['a number for a key', { key: 5 }, /has a key that is a number, neither text/],
  ['an object for a value', { value: {} }, /has a value that is another object/],
  [
    'a Uint16Array for a value',
    { value: new Uint16Array(2) },
    /has a value that is another object/,
  ],
  ['headers that are no list', { headers: {} }, /has headers that are another object/],
  ['null for headers', { headers: null }, /has headers that are null/],
  ['a header that is null', { headers: [null] }, /header whose key is not text/],
  [
    'a header key of bytes',
    { headers: [{ key: new Uint8Array(1), value: null }] },
    /key is not text/,
  ],
  [
    'a header without a value',
    { headers: [{ key: 'a' }] },
    /has a header value that is undefined, neither/,
  ],
];
const badTimes: readonly (readonly [string, unknown])[] = [
  ['-2', -2],
  ['1.5', 1.5],
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['2^53', 2 ** 53],
  ['text', '5'],
  ['null', null],
];

function refusal(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe('bad records', () => {
  it.each(badShapes)('%s is refused by name and place', (_, shape, message) => {
    const inputs = [good, shape as RecordInput, good];
    const error = refusal(() => batchSizeBound(inputs, 0, 3));
    expect(isVarveError(error, 'INVALID_RECORD')).toBe(true);
    expect(error).toMatchObject({ message: expect.stringMatching(message), details: { index: 1 } });
    const builder = new BatchBuilder();
    builder.append(good, NOW);
    expect(
      isVarveError(
        refusal(() => builder.append(inputs[1]!, NOW)),
        'INVALID_RECORD',
      ),
    ).toBe(true);
    expect(builder.count).toBe(1);
  });

  it.each(badTimes)('timestamp %s is refused by name and place', (_, time) => {
    const inputs = [good, { value: 'x', timestamp: time as number }];
    const error = refusal(() => write(inputs, optionsOf({})));
    expect(isVarveError(error, 'INVALID_RECORD')).toBe(true);
    expect(error).toMatchObject({ message: expect.stringContaining('record 1 has timestamp') });
    const builder = new BatchBuilder();
    builder.append(good, NOW);
    expect(
      isVarveError(
        refusal(() => builder.append(inputs[1]!, NOW)),
        'INVALID_RECORD',
      ),
    ).toBe(true);
    builder.append(good, NOW);
    expect(readRecords(builder.finish(optionsOf({})), 0)).toHaveLength(2);
  });

  it('a batch beyond what its length field can say is refused before anything is written', () => {
    const value = 'x'.repeat(100_000_000);
    const inputs = Array.from({ length: 8 }, () => ({ value }));
    const error = refusal(() => batchSizeBound(inputs, 0, 8));
    expect(isVarveError(error, 'RECORD_LIST_TOO_LARGE')).toBe(true);
    expect(error).toMatchObject({ details: { records: 8, maxBytes: 0x7fff_ffff } });
    const headers = Array.from({ length: 8 }, () => ({ key: value, value: null }));
    expect(
      isVarveError(
        refusal(() => batchSizeBound([{ headers }], 0, 1)),
        'INVALID_RECORD',
      ),
    ).toBe(true);
  });

  it('bytes from another realm are bytes', async () => {
    const { runInNewContext } = await import('node:vm');
    const value: Uint8Array = runInNewContext('new Uint8Array([1, 2, 3])');
    expect(value).not.toBeInstanceOf(Uint8Array);
    const [read] = readRecords(write([{ value }], optionsOf({})), 0);
    expect([...read!.value!]).toEqual([1, 2, 3]);
  });
});

describe('BatchBuilder', () => {
  it('hands out batches that later ones do not overwrite', () => {
    const builder = new BatchBuilder({ initialBytes: 64 });
    const batches = ['one', 'two', 'three'].map((value) => {
      builder.append({ value }, NOW);
      return builder.finish(optionsOf({}));
    });
    const values = batches.map((each) => Buffer.from(readRecords(each, 0)[0]!.value!).toString());
    expect(values).toEqual(['one', 'two', 'three']);
  });

  it('keeps its promise of room', () => {
    const builder = new BatchBuilder();
    const input = { value: 'x'.repeat(100) };
    while (builder.hasRoomFor(input, 1000)) builder.append(input, NOW);
    expect(builder.count).toBe(8);
    expect(builder.sizeInBytes).toBeLessThanOrEqual(1000);
  });

  it('starts anew after reset, and does not finish without records', () => {
    const builder = new BatchBuilder();
    builder.append({ value: 'dropped', timestamp: 9e15 }, NOW);
    builder.reset();
    expect(() => builder.finish(optionsOf({}))).toThrow(/varve bug/);
    builder.append({ value: 'kept', timestamp: 3 }, NOW);
    const options = optionsOf({ baseOffset: 7 });
    expect(readRecords(builder.finish(options), 0)).toHaveLength(1);
    expect(options).toMatchObject({ maxTimestamp: 3, offsetOfMaxTimestamp: 7 });
  });
});
