import {
  baseOffset,
  baseSequence,
  isControl,
  isTransactional,
  lastOffsetDelta,
  lastSequence,
  maxTimestamp,
  producerEpoch,
  producerId,
} from '../format/batch-header.js';
import { RecordCursor } from '../format/batch-reader.js';
import { decodeControlRecordKey, decodeTransactionMarkerValue } from '../format/control-record.js';
import type { ProducerState } from './producer-state.js';
import type { TransactionIndex } from './transaction-index.js';

const cursor = new RecordCursor();

/**
 * Takes note of one batch that is in the log: what its producer wrote, or the transaction its marker ended.
 * Nothing to do for batches without a producer id.
 */
export function replayBatch(
  producers: ProducerState,
  transactions: TransactionIndex,
  buffer: Buffer,
  view: DataView,
  at: number,
): void {
  if (producerId(view, at) < 0) return;
  if (isControl(view, at)) {
    replayMarker(producers, transactions, buffer, view, at);
    return;
  }
  noteBatch(producers, view, at, baseOffset(view, at), maxTimestamp(view, at));
}

/**
 * The same for a batch of data whose bytes do not have what the log gave them: its first offset and, with
 * LogAppendTime, its max timestamp.
 */
export function noteBatch(
  producers: ProducerState,
  view: DataView,
  at: number,
  base: number,
  maxTimestampMs: number,
): void {
  producers.update({
    producerId: producerId(view, at),
    producerEpoch: producerEpoch(view, at),
    baseSequence: baseSequence(view, at),
    lastSequence: lastSequence(view, at),
    isTransactional: isTransactional(view, at),
    baseOffset: base,
    lastOffset: base + lastOffsetDelta(view, at),
    maxTimestamp: maxTimestampMs,
  });
}

function replayMarker(
  producers: ProducerState,
  transactions: TransactionIndex,
  buffer: Buffer,
  view: DataView,
  at: number,
): void {
  cursor.reset(buffer, view, at);
  // An emptied control batch, kept by compaction for its offset, ends nothing that is still there.
  const record = cursor.next() ? cursor.record() : null;
  cursor.release();
  if (record === null) return;
  const { type } = decodeControlRecordKey(record.key);
  if (type !== 'ABORT' && type !== 'COMMIT') return;
  const ended = producers.endTransaction({
    producerId: producerId(view, at),
    producerEpoch: producerEpoch(view, at),
    coordinatorEpoch: decodeTransactionMarkerValue(record.value).coordinatorEpoch,
    offset: record.offset,
    timestamp: record.timestamp,
    aborted: type === 'ABORT',
  });
  if (ended?.aborted) transactions.append(ended);
}

/** Checks a transaction marker that is about to be appended. */
export function checkMarker(
  producers: ProducerState,
  buffer: Buffer,
  view: DataView,
  at: number,
): void {
  cursor.reset(buffer, view, at);
  const record = cursor.next() ? cursor.record() : null;
  cursor.release();
  if (record === null) return;
  producers.checkMarker(
    {
      producerId: producerId(view, at),
      producerEpoch: producerEpoch(view, at),
      coordinatorEpoch: decodeTransactionMarkerValue(record.value).coordinatorEpoch,
    },
    'coordinator',
  );
}
