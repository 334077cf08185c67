import { VarveError } from '../errors.js';
import { MAX_OFFSET } from '../types.js';
import { crc32c } from './crc32c.js';
import { readInt64, writeInt64 } from './int64.js';

/*
 * `.snapshot`: what a partition knows of its producers, big-endian.
 *
 *   | version int16 = 1 | crc uint32 | count int32 | entries of 46 bytes |
 *   entry: | producer id int64 | epoch int16 | last sequence int32 | last offset int64 |
 *          | offset delta int32 | timestamp int64 | coordinator epoch int32 |
 *          | current transaction's first offset int64, -1 for none |
 *
 * The checksum is CRC-32C over everything after it (byte 6 on).
 */
const VERSION = 1;
const CRC_AT = 2;
const COUNT_AT = 6;
const HEADER_BYTES = 10;
const ENTRY_BYTES = 46;

/** A producer's state after its last batch. Kafka stores no earlier batches here. */
export interface ProducerSnapshotEntry {
  readonly producerId: number;
  readonly producerEpoch: number;
  /** Sequence of the last batch's last record; -1 where only a transaction marker is known. */
  readonly lastSequence: number;
  /** Offset of the last batch's last record; -1 likewise. */
  readonly lastOffset: number;
  /** Last minus first offset of that batch. */
  readonly offsetDelta: number;
  /** Milliseconds since 1970; -1 for none. */
  readonly timestamp: number;
  readonly coordinatorEpoch: number;
  /** First offset of the open transaction; -1 for none. */
  readonly currentTxnFirstOffset: number;
}

export function encodeProducerSnapshot(entries: readonly ProducerSnapshotEntry[]): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES + entries.length * ENTRY_BYTES);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  view.setInt16(0, VERSION);
  view.setInt32(COUNT_AT, entries.length);
  entries.forEach((entry, index) => {
    const at = HEADER_BYTES + index * ENTRY_BYTES;
    writeInt64(view, at, entry.producerId);
    view.setInt16(at + 8, entry.producerEpoch);
    view.setInt32(at + 10, entry.lastSequence);
    writeInt64(view, at + 14, entry.lastOffset);
    view.setInt32(at + 22, entry.offsetDelta);
    writeInt64(view, at + 26, entry.timestamp);
    view.setInt32(at + 34, entry.coordinatorEpoch);
    writeInt64(view, at + 38, entry.currentTxnFirstOffset);
  });
  view.setUint32(CRC_AT, crc32c(bytes, COUNT_AT, bytes.length));
  return bytes;
}

/**
 * @throws VarveError UNSUPPORTED_FORMAT for another version, CORRUPT_CHECKPOINT for a wrong checksum,
 * size, count or value. Either way the state can be rebuilt from the log.
 */
export function decodeProducerSnapshot(bytes: Uint8Array): ProducerSnapshotEntry[] {
  const { length } = bytes;
  if (length < HEADER_BYTES) throw corrupt(`${length} bytes, at least ${HEADER_BYTES}`);
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, length);
  const version = view.getInt16(0);
  if (version !== VERSION) {
    throw new VarveError(
      'UNSUPPORTED_FORMAT',
      `producer snapshot version ${version}, varve reads ${VERSION}`,
      { details: { version, supported: VERSION } },
    );
  }
  const recorded = view.getUint32(CRC_AT);
  const actual = crc32c(buffer, COUNT_AT, length);
  if (actual !== recorded) {
    throw corrupt(`checksum 0x${actual.toString(16)}, 0x${recorded.toString(16)} is recorded`);
  }
  const count = view.getInt32(COUNT_AT);
  if (count < 0 || length !== HEADER_BYTES + count * ENTRY_BYTES) {
    throw corrupt(`${count} entries announced in ${length} bytes`);
  }
  return Array.from({ length: count }, (_, index) => readEntry(view, index));
}

function readEntry(view: DataView, index: number): ProducerSnapshotEntry {
  const at = HEADER_BYTES + index * ENTRY_BYTES;
  const int64 = (field: number, min: number, name: string): number => {
    const value = readInt64(view, at + field);
    if (value < min || value > MAX_OFFSET) throw corrupt(`entry ${index}: ${name} ${value}`);
    return value;
  };
  return {
    producerId: int64(0, 0, 'producer id'),
    producerEpoch: view.getInt16(at + 8),
    lastSequence: view.getInt32(at + 10),
    lastOffset: int64(14, -1, 'last offset'),
    offsetDelta: view.getInt32(at + 22),
    timestamp: int64(26, -1, 'timestamp'),
    coordinatorEpoch: view.getInt32(at + 34),
    currentTxnFirstOffset: int64(38, -1, "transaction's first offset"),
  };
}

function corrupt(reason: string): VarveError {
  return new VarveError('CORRUPT_CHECKPOINT', `producer snapshot: ${reason}`, {
    details: { reason },
  });
}
