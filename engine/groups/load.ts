import { VarveError } from '../errors.js';
import { BatchProblem, checkBatch, describeProblem } from '../format/batch-check.js';
import {
  isControl,
  isTransactional,
  lastOffset,
  producerId,
  sizeInBytes,
} from '../format/batch-header.js';
import { RecordCursor } from '../format/batch-reader.js';
import { decodeControlRecordKey } from '../format/control-record.js';
import { MAX_BATCH_BYTES } from '../format/layout.js';
import type { Group } from './group.js';
import { type CommittedOffset, OffsetStore } from './offset-store.js';
import type { GroupStorage } from './ports.js';
import { readStoredRecord, type StoredRecord } from './stored-records.js';

export interface LoadedGroup {
  /** Null: only offsets are stored. */
  group: Group | null;
  readonly offsets: OffsetStore;
}

export interface LoadedPartition {
  readonly groups: Map<string, LoadedGroup>;
  /** First offset after what was read. */
  readonly endOffset: number;
  readonly skippedRecords: number;
  readonly openTransactions: number;
}

interface LoadOptions {
  readonly storage: GroupStorage;
  readonly partition: number;
  readonly bufferBytes: number;
  /** True when nobody needs the result any more. */
  readonly isStale: () => boolean;
}

/**
 * Reads a partition of `__consumer_offsets` from its start to its end: what is true of its groups. Null when it
 * became stale. Offsets of a transaction count from its commit on, unless a later record has replaced them. Rejects with
 * a VarveError where the log cannot be read or holds what no Kafka writes.
 */
export async function loadPartition(options: LoadOptions): Promise<LoadedPartition | null> {
  const { storage, partition, bufferBytes, isStale } = options;
  const replay = new Replay();
  let next = storage.startOffset(partition);
  for (;;) {
    const bytes = await storage.read(partition, next, bufferBytes);
    if (isStale()) return null;
    if (bytes.length === 0) return replay.finish(next);
    const end = replay.batches(bytes);
    if (end <= next) {
      throw new VarveError(
        'CORRUPT_MESSAGE',
        `reading __consumer_offsets-${partition} from offset ${next} gives batches that end at ${end}`,
        { details: { partition, offset: next, end } },
      );
    }
    next = end;
  }
}

type OffsetRecord = Extract<StoredRecord, { kind: 'offset' }>;
interface PendingOffset {
  readonly record: OffsetRecord & { readonly value: CommittedOffset };
  readonly recordOffset: number;
}

class Replay {
  readonly #groups = new Map<string, LoadedGroup>();
  readonly #cursor = new RecordCursor();
  /** Of transactions that have not ended, by producer id. */
  readonly #pending = new Map<number, Map<string, PendingOffset>>();
  /** Where in the log an offset that counts was, to compare it with one of a transaction. */
  readonly #places = new Map<CommittedOffset, number>();
  #skippedRecords = 0;

  /** Applies whole batches, and returns the offset after the last. */
  batches(bytes: Buffer): number {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let end = -1;
    for (let at = 0; at < bytes.length; at += sizeInBytes(view, at)) {
      const check = { crc: true, maxBytes: MAX_BATCH_BYTES };
      const problem = checkBatch(bytes, view, at, bytes.length, check);
      if (problem !== BatchProblem.BATCH_OK) {
        throw new VarveError(
          'CORRUPT_MESSAGE',
          `in a log of groups and offsets: ${describeProblem(problem, bytes, view, at, bytes.length, check)}`,
        );
      }
      end = lastOffset(view, at) + 1;
      this.#batch(bytes, view, at);
    }
    return end;
  }

  finish(endOffset: number): LoadedPartition {
    for (const [groupId, { group, offsets }] of this.#groups) {
      if (group === null && offsets.isEmpty) this.#groups.delete(groupId);
    }
    return {
      groups: this.#groups,
      endOffset,
      skippedRecords: this.#skippedRecords,
      openTransactions: this.#pending.size,
    };
  }

  #batch(bytes: Buffer, view: DataView, at: number): void {
    const cursor = this.#cursor.reset(bytes, view, at);
    const producer = producerId(view, at);
    if (isControl(view, at)) {
      if (cursor.next()) this.#endTransaction(producer, decodeControlRecordKey(cursor.key()).type);
      return;
    }
    const transaction = isTransactional(view, at) ? this.#transactionOf(producer) : null;
    while (cursor.next()) {
      const record = readStoredRecord(cursor.key(), cursor.value());
      if (record === null) this.#skippedRecords++;
      else if (record.kind === 'group') this.#group(record.groupId, record.value);
      else if (record.value !== null && transaction !== null) {
        const { value } = record;
        transaction.set(keyOf(record), {
          record: { ...record, value },
          recordOffset: cursor.offset,
        });
      } else this.#offset(record, cursor.offset);
    }
  }

  #group(groupId: string, value: Group | null): void {
    const known = this.#groups.get(groupId);
    if (known !== undefined) known.group = value;
    else if (value !== null) this.#entry(groupId).group = value;
  }

  #offset(record: OffsetRecord, recordOffset: number): void {
    const { groupId, topic, partition, value } = record;
    const { offsets } = this.#entry(groupId);
    const former = offsets.get(topic, partition);
    if (former !== undefined) this.#places.delete(former);
    if (value === null) {
      offsets.delete(topic, partition);
      for (const transaction of this.#pending.values()) transaction.delete(keyOf(record));
    } else {
      offsets.set(topic, partition, value);
      this.#places.set(value, recordOffset);
    }
  }

  #transactionOf(producer: number): Map<string, PendingOffset> {
    let transaction = this.#pending.get(producer);
    if (transaction === undefined) {
      transaction = new Map();
      this.#pending.set(producer, transaction);
    }
    return transaction;
  }

  #endTransaction(producer: number, type: string | null): void {
    const transaction = this.#pending.get(producer);
    if (transaction === undefined) return;
    if (type !== 'COMMIT' && type !== 'ABORT') return;
    this.#pending.delete(producer);
    if (type === 'ABORT') return;
    for (const { record, recordOffset } of transaction.values()) {
      const known = this.#entry(record.groupId).offsets.get(record.topic, record.partition);
      if (known === undefined || (this.#places.get(known) ?? -1) < recordOffset) {
        this.#offset(record, recordOffset);
      }
    }
  }

  #entry(groupId: string): LoadedGroup {
    let entry = this.#groups.get(groupId);
    if (entry === undefined) {
      entry = { group: null, offsets: new OffsetStore() };
      this.#groups.set(groupId, entry);
    }
    return entry;
  }
}

function keyOf({ groupId, topic, partition }: OffsetRecord): string {
  return JSON.stringify([groupId, topic, partition]);
}
