/**
 * Mutates valid input of every decoder in `format/` but the record batch's: each must give a value
 * that survives its own round trip, or one of the errors it documents.
 *
 *   node dist/engine/scenarios/fuzz-side-files.js [--count 100000] [--seed 1]
 */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type ErrorCode, isVarveError } from '../errors.js';
import * as cleanShutdown from '../format/clean-shutdown.js';
import { compress, decompress } from '../format/compression/index.js';
import * as control from '../format/control-record.js';
import * as names from '../format/file-names.js';
import * as entries from '../format/index-entries.js';
import * as leaderEpochs from '../format/leader-epoch-checkpoint.js';
import * as metaProperties from '../format/meta-properties.js';
import * as offsets from '../format/offset-checkpoint.js';
import * as partitionMetadata from '../format/partition-metadata.js';
import * as snapshot from '../format/producer-snapshot.js';
import { isUuid, uuidFromBytes, uuidToBytes } from '../format/uuid.js';

interface Target {
  readonly name: string;
  readonly samples: readonly Buffer[];
  readonly errors: readonly ErrorCode[];
  /** Decodes; throws a documented error, or an `Error` if what it decoded breaks a promise. */
  run(input: Buffer): void;
}

export interface FuzzResult {
  readonly cases: number;
  /** Inputs decoded, and refused with a documented error, by target. */
  readonly accepted: Readonly<Record<string, number>>;
  readonly refused: Readonly<Record<string, number>>;
}

const ID = 'AAECAwQFBgcICQoLDA0ODw';
const MAX_BYTES = 1 << 20;

function promise(holds: boolean, reason: string): void {
  if (!holds) throw new Error(reason);
}

/** A decoder whose values can be encoded again: the second round must change nothing. */
function codec<T>(
  name: string,
  errors: readonly ErrorCode[],
  samples: readonly T[],
  encode: (value: T) => Buffer,
  decode: (bytes: Buffer) => T,
): Target {
  return {
    name,
    errors,
    samples: samples.map(encode),
    run: (input) => {
      const once = encode(decode(input));
      promise(encode(decode(once)).equals(once), 'a second round trip differs');
    },
  };
}

function entryCodec<T>(
  name: string,
  entryBytes: number,
  sample: T,
  write: (view: DataView, at: number, entry: T) => void,
  read: (view: DataView, at: number) => T,
): Target {
  const encode = (entry: T): Buffer => {
    const bytes = Buffer.alloc(entryBytes);
    write(new DataView(bytes.buffer, bytes.byteOffset, entryBytes), 0, entry);
    return bytes;
  };
  return codec(name, ['CORRUPT_INDEX'], [sample], encode, (bytes) =>
    read(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0),
  );
}

function compressionTarget(type: 'gzip' | 'snappy' | 'lz4' | 'zstd'): Target {
  const texts = ['', 'hello', 'a line of a log\n'.repeat(300), 'z'.repeat(100_000)];
  return {
    name: type,
    errors: ['CORRUPT_MESSAGE', 'DECOMPRESSION_LIMIT'],
    samples: texts.map((text) => compress(type, Buffer.from(text))),
    run: (input) => {
      const output = decompress(type, input, { maxBytes: MAX_BYTES });
      promise(output.length <= MAX_BYTES, `${output.length} bytes, over the limit`);
    },
  };
}

function targets(): Target[] {
  const producer = {
    producerId: 4000,
    producerEpoch: 2,
    lastSequence: 9,
    lastOffset: 109,
    offsetDelta: 4,
    timestamp: 1_700_000_000_000,
    coordinatorEpoch: -1,
    currentTxnFirstOffset: -1,
  };
  const checkpointError = ['CORRUPT_CHECKPOINT'] as const;
  return [
    entryCodec(
      'offset index entry',
      entries.OFFSET_INDEX_ENTRY_BYTES,
      { relativeOffset: 5, position: 4096 },
      entries.writeOffsetIndexEntry,
      entries.readOffsetIndexEntry,
    ),
    entryCodec(
      'time index entry',
      entries.TIME_INDEX_ENTRY_BYTES,
      { timestamp: 1_700_000_000_000, relativeOffset: 5 },
      entries.writeTimeIndexEntry,
      entries.readTimeIndexEntry,
    ),
    entryCodec(
      'transaction index entry',
      entries.TRANSACTION_INDEX_ENTRY_BYTES,
      { producerId: 1, firstOffset: 10, lastOffset: 20, lastStableOffset: 21 },
      entries.writeTransactionIndexEntry,
      entries.readTransactionIndexEntry,
    ),
    codec(
      'producer snapshot',
      ['CORRUPT_CHECKPOINT', 'UNSUPPORTED_FORMAT'],
      [[], [producer], [producer, { ...producer, producerId: 1 }]],
      snapshot.encodeProducerSnapshot,
      snapshot.decodeProducerSnapshot,
    ),
    codec(
      'leader epoch checkpoint',
      checkpointError,
      [
        [],
        [
          { epoch: 0, startOffset: 0 },
          { epoch: 5, startOffset: 120 },
        ],
      ],
      leaderEpochs.encodeLeaderEpochCheckpoint,
      leaderEpochs.decodeLeaderEpochCheckpoint,
    ),
    codec(
      'offset checkpoint',
      checkpointError,
      [
        [],
        [
          { topic: 'orders', partition: 0, offset: 1500 },
          { topic: 'a.b_c-d', partition: 12, offset: 90 },
        ],
      ],
      offsets.encodeOffsetCheckpoint,
      (bytes) => offsets.decodeOffsetCheckpoint(bytes),
    ),
    codec(
      'partition metadata',
      checkpointError,
      [{ topicId: ID }],
      partitionMetadata.encodePartitionMetadata,
      partitionMetadata.decodePartitionMetadata,
    ),
    codec<metaProperties.MetaProperties>(
      'meta properties',
      ['CORRUPT_CHECKPOINT', 'UNSUPPORTED_FORMAT'],
      [
        { version: 1, clusterId: ID, nodeId: 1, directoryId: ID },
        { version: 1, clusterId: 'a=b # ü\\\n', nodeId: null, directoryId: null },
      ],
      metaProperties.encodeMetaProperties,
      metaProperties.decodeMetaProperties,
    ),
    {
      name: 'clean shutdown',
      errors: [],
      samples: [cleanShutdown.encodeCleanShutdown({ brokerEpoch: 17 })],
      run: (input) => {
        const { brokerEpoch } = cleanShutdown.decodeCleanShutdown(input);
        promise(brokerEpoch === null || Number.isSafeInteger(brokerEpoch), 'unsafe epoch');
      },
    },
    {
      name: 'control record',
      errors: ['CORRUPT_MESSAGE'],
      samples: [control.encodeControlRecordKey('COMMIT'), control.encodeTransactionMarkerValue(7)],
      run: (input) => {
        const { type, typeId } = control.decodeControlRecordKey(input);
        const known = type !== 'UNKNOWN';
        promise(known === (typeId >= 0 && typeId <= 6), `type ${typeId} is ${type}`);
        control.decodeTransactionMarkerValue(input);
      },
    },
    {
      name: 'uuid',
      errors: ['INVALID_ARGUMENT'],
      samples: [Buffer.from(ID)],
      run: (input) => {
        const text = input.toString('latin1');
        promise(uuidFromBytes(uuidToBytes(text)) === text && isUuid(text), 'not one spelling');
      },
    },
    {
      name: 'file names',
      errors: ['UNSUPPORTED_FORMAT'],
      samples: [
        '00000000000000000042.log.deleted',
        '00009007199254740992.timeindex',
        'orders-12',
        `a-b-3.${'0123456789abcdef'.repeat(2)}-delete`,
      ].map((name) => Buffer.from(name)),
      run: (input) => {
        const name = input.toString('utf8');
        const segment = names.parseSegmentFileName(name);
        if (segment !== null) promise(names.formatSegmentFileName(segment) === name, name);
        const directory = names.parsePartitionDirectoryName(name);
        if (directory === null) return;
        const { mark, uniqueId } = directory;
        const again =
          mark === null || uniqueId === null
            ? names.formatPartitionDirectoryName(directory)
            : names.formatMarkedDirectoryName(directory, mark, uniqueId);
        promise(again === name || name.length > 255, `${name} became ${again}`);
      },
    },
    ...(['gzip', 'snappy', 'lz4', 'zstd'] as const).map(compressionTarget),
  ];
}

/** Runs `count` cases from `seed`; throws on the first that breaks a promise, with its input. */
export function fuzzSideFiles({ count, seed }: { count: number; seed: number }): FuzzResult {
  const random = randomFrom(seed);
  const accepted: Record<string, number> = {};
  const refused: Record<string, number> = {};
  const all = targets();
  for (let index = 0; index < count; index++) {
    const target = all[index % all.length]!;
    const input = mutated(target.samples[random(target.samples.length)]!, target, random);
    try {
      target.run(input);
      accepted[target.name] = (accepted[target.name] ?? 0) + 1;
    } catch (error) {
      if (!isVarveError(error) || !target.errors.includes(error.code)) {
        const hex = input.toString('hex', 0, 4096);
        throw new Error(`${target.name}, seed ${seed}, case ${index}, input ${hex}`, {
          cause: error,
        });
      }
      refused[target.name] = (refused[target.name] ?? 0) + 1;
    }
  }
  return { cases: count, accepted, refused };
}

type Random = (below: number) => number;

/** A 32-bit mixing generator: small, seeded, good enough to choose damage. */
function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x9e3779b9) >>> 0;
    let value = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    value = Math.imul(value ^ (value >>> 15), 0x735a2d97);
    return ((value ^ (value >>> 15)) >>> 0) % below;
  };
}

const TOKENS = [
  '\n',
  ' ',
  '-',
  '0',
  '9007199254740992',
  '-1',
  '\\u',
  '\0',
  '\xff\xff\xff\xff',
  '..',
];

function mutated(sample: Buffer, target: Target, random: Random): Buffer {
  let bytes = Buffer.from(sample);
  for (let times = random(4); times > 0; times--) {
    const at = random(bytes.length + 1);
    const to = at + random(bytes.length - at + 1);
    switch (random(7)) {
      case 0:
        if (at < bytes.length) bytes[at]! ^= 1 << random(8);
        break;
      case 1:
        if (at < bytes.length) bytes[at] = random(256);
        break;
      case 2:
        bytes = bytes.subarray(0, at);
        break;
      case 3:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(to)]);
        break;
      case 4:
        bytes = Buffer.concat([bytes.subarray(0, to), bytes.subarray(at)]);
        break;
      case 5: {
        const token = Buffer.from(TOKENS[random(TOKENS.length)]!, 'latin1');
        bytes = Buffer.concat([bytes.subarray(0, at), token, bytes.subarray(at)]);
        break;
      }
      default: {
        const other = target.samples[random(target.samples.length)]!;
        bytes = Buffer.concat([bytes.subarray(0, at), other.subarray(random(other.length + 1))]);
      }
    }
  }
  return bytes;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: {
      count: { type: 'string', default: '100000' },
      seed: { type: 'string', default: '1' },
    },
  });
  const started = performance.now();
  const result = fuzzSideFiles({ count: Number(values.count), seed: Number(values.seed) });
  console.table({ accepted: result.accepted, refused: result.refused });
  console.log(`${result.cases} cases in ${Math.round(performance.now() - started)} ms`);
}
