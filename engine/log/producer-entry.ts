import { VarveError } from '../errors.js';

/** Batches remembered per producer: as many as a producer may have in flight. Kafka: `ProducerStateEntry`. */
export const BATCHES_TO_RETAIN = 5;
const MAX_SEQUENCE = 0x7fffffff;

/** The header fields of a batch that producer state reads. Sequences wrap: 0 follows 2147483647. */
export interface ProducerBatch {
  /** -1: not idempotent, and no concern of producer state. */
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly lastSequence: number;
  readonly isTransactional: boolean;
}

/** The same after the append: where it lies. */
export interface AppendedBatch extends ProducerBatch {
  readonly baseOffset: number;
  readonly lastOffset: number;
  /** Largest record timestamp in milliseconds. */
  readonly maxTimestamp: number;
}

/** The append that already holds a batch: acknowledge it with these, and append nothing. */
export interface DuplicateBatch {
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly timestamp: number;
}

export interface RetainedBatch {
  lastSequence: number;
  lastOffset: number;
  offsetDelta: number;
  timestamp: number;
}

/** What is known of one producer. */
export interface ProducerEntry {
  epoch: number;
  coordinatorEpoch: number;
  lastTimestamp: number;
  /** -1: no open transaction. */
  txnFirstOffset: number;
  /** Oldest first, at most {@link BATCHES_TO_RETAIN}. */
  batches: RetainedBatch[];
}

/** Sequence of a batch's first record, from its last one and the number of records after the first. */
export function firstSequence(lastSequence: number, offsetDelta: number): number {
  const first = lastSequence - offsetDelta;
  return first >= 0 ? first : first + MAX_SEQUENCE + 1;
}

/** The sequence `count` after `sequence`. */
export function addSequence(sequence: number, count: number): number {
  const sum = sequence + count;
  return sum > MAX_SEQUENCE ? sum - MAX_SEQUENCE - 1 : sum;
}

export function findDuplicate(
  producer: ProducerEntry,
  batch: ProducerBatch,
): DuplicateBatch | null {
  const { batches } = producer;
  for (let at = batches.length - 1; at >= 0; at--) {
    const known = batches[at] as RetainedBatch;
    if (
      known.lastSequence === batch.lastSequence &&
      firstSequence(known.lastSequence, known.offsetDelta) === batch.baseSequence
    ) {
      return {
        baseOffset: known.lastOffset - known.offsetDelta,
        lastOffset: known.lastOffset,
        timestamp: known.timestamp,
      };
    }
  }
  return null;
}

/**
 * A producer whose epoch is known from a marker only has written nothing in it: it begins at 0.
 * Kafka: `ProducerAppendInfo.checkSequence`.
 */
export function checkSequence(producer: ProducerEntry, batch: ProducerBatch): void {
  if (producer.epoch < 0) return;
  const last = producer.batches[producer.batches.length - 1];
  const expected =
    batch.producerEpoch === producer.epoch && last !== undefined
      ? addSequence(last.lastSequence, 1)
      : 0;
  if (batch.baseSequence === expected) return;
  throw new VarveError(
    'OUT_OF_ORDER_SEQUENCE_NUMBER',
    `producer ${batch.producerId}, epoch ${batch.producerEpoch}: batch begins at sequence ` +
      `${batch.baseSequence}, expected ${expected}; batches before it are missing`,
    {
      details: {
        producerId: batch.producerId,
        producerEpoch: batch.producerEpoch,
        currentEpoch: producer.epoch,
        baseSequence: batch.baseSequence,
        expectedSequence: expected,
      },
    },
  );
}

/** Once five are kept, the oldest one's object is used again: no allocation per batch. */
export function retain(producer: ProducerEntry, batch: AppendedBatch): void {
  const { batches } = producer;
  const offsetDelta = batch.lastOffset - batch.baseOffset;
  if (batches.length < BATCHES_TO_RETAIN) {
    batches.push({
      lastSequence: batch.lastSequence,
      lastOffset: batch.lastOffset,
      offsetDelta,
      timestamp: batch.maxTimestamp,
    });
    return;
  }
  const oldest = batches[0] as RetainedBatch;
  batches.copyWithin(0, 1);
  batches[BATCHES_TO_RETAIN - 1] = oldest;
  oldest.lastSequence = batch.lastSequence;
  oldest.lastOffset = batch.lastOffset;
  oldest.offsetDelta = offsetDelta;
  oldest.timestamp = batch.maxTimestamp;
}

export function staleEpoch(
  batch: { readonly producerId: number; readonly producerEpoch: number },
  currentEpoch: number,
): VarveError {
  return new VarveError(
    'INVALID_PRODUCER_EPOCH',
    `producer ${batch.producerId} sends epoch ${batch.producerEpoch}, but epoch ${currentEpoch} ` +
      'has written; a newer instance of the producer has taken over',
    {
      details: {
        producerId: batch.producerId,
        producerEpoch: batch.producerEpoch,
        currentEpoch,
      },
    },
  );
}

export function outsideTransaction(batch: ProducerBatch): VarveError {
  return new VarveError(
    'INVALID_RECORD',
    `producer ${batch.producerId} has a transaction open; a batch outside it is refused until the ` +
      'transaction ends',
    { details: { producerId: batch.producerId, producerEpoch: batch.producerEpoch } },
  );
}
