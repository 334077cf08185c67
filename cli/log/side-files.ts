import { basename } from 'node:path';
import { addToSequence } from '../../engine/format/batch-header.js';
import {
  OFFSET_INDEX_ENTRY_BYTES,
  offsetIndexPosition,
  offsetIndexRelativeOffset,
  readTransactionIndexEntry,
  TIME_INDEX_ENTRY_BYTES,
  TRANSACTION_INDEX_ENTRY_BYTES,
  timeIndexRelativeOffset,
  timeIndexTimestamp,
} from '../../engine/format/index-entries.js';
import {
  decodeLeaderEpochCheckpoint,
  LEADER_EPOCH_CHECKPOINT_FILE,
} from '../../engine/format/leader-epoch-checkpoint.js';
import { decodeMetaProperties, META_PROPERTIES_FILE } from '../../engine/format/meta-properties.js';
import { decodeOffsetCheckpoint } from '../../engine/format/offset-checkpoint.js';
import {
  decodePartitionMetadata,
  PARTITION_METADATA_FILE,
} from '../../engine/format/partition-metadata.js';
import { decodeProducerSnapshot } from '../../engine/format/producer-snapshot.js';
import type { SegmentFileKind } from '../../engine/format/segment-file-name.js';

export type SideEntry = Readonly<Record<string, string | number | null>>;

/** Entries of an index or snapshot file, up to the zeros that an untrimmed one ends with. */
export function* sideEntries(
  kind: Exclude<SegmentFileKind, 'log'>,
  bytes: Buffer,
  baseOffset: number,
): Generator<SideEntry, void, undefined> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (kind === 'snapshot') {
    yield* decodeProducerSnapshot(bytes).map(producer);
    return;
  }
  const entryBytes = ENTRY_BYTES[kind];
  for (let at = 0; at + entryBytes <= bytes.length; at += entryBytes) {
    if (kind !== 'txnindex' && at > 0 && isZero(bytes, at, entryBytes)) return;
    yield entryAt(kind, view, at, baseOffset);
  }
}

const ENTRY_BYTES = {
  index: OFFSET_INDEX_ENTRY_BYTES,
  timeindex: TIME_INDEX_ENTRY_BYTES,
  txnindex: TRANSACTION_INDEX_ENTRY_BYTES,
} as const;

function entryAt(
  kind: 'index' | 'timeindex' | 'txnindex',
  view: DataView,
  at: number,
  baseOffset: number,
): SideEntry {
  if (kind === 'index') {
    return {
      offset: baseOffset + offsetIndexRelativeOffset(view, at),
      position: offsetIndexPosition(view, at),
    };
  }
  if (kind === 'timeindex') {
    return {
      timestamp: timeIndexTimestamp(view, at),
      offset: baseOffset + timeIndexRelativeOffset(view, at),
    };
  }
  return { version: view.getInt16(at), ...readTransactionIndexEntry(view, at) };
}

function producer(entry: ReturnType<typeof decodeProducerSnapshot>[number]): SideEntry {
  const hasBatch = entry.lastOffset >= 0;
  return {
    producerId: entry.producerId,
    producerEpoch: entry.producerEpoch,
    coordinatorEpoch: entry.coordinatorEpoch,
    currentTxnFirstOffset: entry.currentTxnFirstOffset < 0 ? null : entry.currentTxnFirstOffset,
    lastTimestamp: entry.timestamp,
    ...(hasBatch && {
      firstSequence: addToSequence(entry.lastSequence, -entry.offsetDelta),
      lastSequence: entry.lastSequence,
      lastOffset: entry.lastOffset,
      offsetDelta: entry.offsetDelta,
      timestamp: entry.timestamp,
    }),
  };
}

/** Entries of a checkpoint or properties file, by its name; null for a file of another name. */
export function namedFileEntries(path: string, bytes: Buffer): readonly SideEntry[] | null {
  const name = basename(path);
  if (name === META_PROPERTIES_FILE) return [{ ...decodeMetaProperties(bytes) }];
  if (name === PARTITION_METADATA_FILE) return [{ ...decodePartitionMetadata(bytes) }];
  if (name === LEADER_EPOCH_CHECKPOINT_FILE) {
    return bytes.length === 0
      ? []
      : decodeLeaderEpochCheckpoint(bytes).map((entry) => ({ ...entry }));
  }
  if (!name.endsWith('-offset-checkpoint')) return null;
  return bytes.length === 0
    ? []
    : decodeOffsetCheckpoint(bytes, name).map((entry) => ({ ...entry }));
}

function isZero(bytes: Buffer, at: number, length: number): boolean {
  for (let i = at; i < at + length; i += 1) if (bytes[i] !== 0) return false;
  return true;
}
