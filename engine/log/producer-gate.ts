import { VarveError } from '../errors.js';
import {
  baseSequence,
  isControl,
  isTransactional,
  lastSequence,
  producerEpoch,
  producerId,
  sizeInBytes,
} from '../format/batch-header.js';
import type { BatchOptions } from '../format/batch-writer.js';
import { AppendResult } from './log-options.js';
import { checkMarker } from './producer-replay.js';
import { addSequence, type DuplicateBatch, type ProducerState } from './producer-state.js';

/** Idempotence at the door of an append: null lets it in, a result says that it is in the log already. */

export function checkProducer(
  producers: ProducerState,
  batch: BatchOptions,
  count: number,
): AppendResult | null {
  return asResult(
    producers.check(
      {
        producerId: batch.producerId,
        producerEpoch: batch.producerEpoch,
        baseSequence: batch.baseSequence,
        lastSequence: addSequence(batch.baseSequence, count - 1),
        isTransactional: batch.isTransactional,
      },
      'client',
    ),
  );
}

/** Takes note of an appended batch of records. */
export function updateProducer(
  producers: ProducerState,
  batch: BatchOptions,
  offsets: { readonly first: number; readonly last: number },
): void {
  producers.update({
    producerId: batch.producerId,
    producerEpoch: batch.producerEpoch,
    baseSequence: batch.baseSequence,
    lastSequence: addSequence(batch.baseSequence, offsets.last - offsets.first),
    isTransactional: batch.isTransactional,
    baseOffset: offsets.first,
    lastOffset: offsets.last,
    maxTimestamp: batch.maxTimestamp,
  });
}

/** The same for ready batches. `view` covers `bytes`. */
export function checkReadyProducers(
  producers: ProducerState,
  bytes: Buffer,
  view: DataView,
): AppendResult | null {
  for (let at = 0; at < view.byteLength; at += sizeInBytes(view, at)) {
    if (producerId(view, at) < 0) continue;
    if (sizeInBytes(view, at) !== view.byteLength) {
      throw new VarveError(
        'INVALID_RECORD',
        'batches of an idempotent producer are appended one at a time, as its sequence is checked for each',
      );
    }
    if (isControl(view, at)) {
      checkMarker(producers, bytes, view, at);
      return null;
    }
    return asResult(
      producers.check(
        {
          producerId: producerId(view, at),
          producerEpoch: producerEpoch(view, at),
          baseSequence: baseSequence(view, at),
          lastSequence: lastSequence(view, at),
          isTransactional: isTransactional(view, at),
        },
        'client',
      ),
    );
  }
  return null;
}

function asResult(duplicate: DuplicateBatch | null): AppendResult | null {
  return duplicate && new AppendResult(duplicate.baseOffset, duplicate.lastOffset, true);
}
