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

const MAX_EPOCH = 0x7fff;
const MAX_SEQUENCE = 0x7fff_ffff;

/** What a caller says of its producer must fit the batch's header. Fails with INVALID_ARGUMENT. */
export function requireProducer({ producerId, producerEpoch, baseSequence }: BatchOptions): void {
  requireWhole('producerId', producerId, Number.MAX_SAFE_INTEGER);
  requireWhole('producerEpoch', producerEpoch, MAX_EPOCH);
  requireWhole('baseSequence', baseSequence, MAX_SEQUENCE);
}

function requireWhole(name: string, value: number, most: number): void {
  if (Number.isInteger(value) && value >= 0 && value <= most) return;
  throw new VarveError(
    'INVALID_ARGUMENT',
    `${name} ${value} is not a whole number in [0, ${most}]; an idempotent or transactional batch needs a producerId, a producerEpoch and a baseSequence`,
    { details: { [name]: value, most } },
  );
}

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
