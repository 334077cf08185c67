import { expect, it } from 'vitest';
import { BatchOptions, batchSizeBound, writeBatch } from '../format/batch-writer.js';
import { KafkaError, type KafkaErrorCode } from '../protocol/error-codes.js';
import { systemTimers } from '../timers.js';
import { MetadataCache } from './metadata-cache.js';
import { ReplicatedOffsets } from './replicated-offsets.js';

const { NONE, NOT_ENOUGH_REPLICAS, NOT_LEADER_OR_FOLLOWER, REQUEST_TIMED_OUT } = KafkaError;

/** Two records, appended with `errorCode` at `baseOffset`; `isReached`: what becomes of the high watermark. */
async function append(errorCode: KafkaErrorCode, baseOffset: number, isReached: boolean) {
  const waited: number[] = [];
  const offsets = new ReplicatedOffsets({
    replicas: {
      appendLocal: async (topic, index) => ({
        topic,
        index,
        errorCode,
        baseOffset,
        logAppendTimeMs: -1,
        logStartOffset: 0,
        errorMessage: null,
      }),
      leaderLog: () => null,
      waitForHighWatermark: async (_topic, _partition, offset) => {
        waited.push(offset);
        return isReached;
      },
    },
    metadata: new MetadataCache(systemTimers),
    partitionsByDefault: () => 1,
    appendTimeoutMs: () => 5_000,
  });
  const records = [{ value: 'a' }, { value: 'b' }];
  const batch = Buffer.alloc(batchSizeBound(records, 0, 2));
  const view = new DataView(batch.buffer, batch.byteOffset, batch.length);
  const size = writeBatch(batch, view, 0, records, 0, 2, new BatchOptions());
  const { answered, settled } = offsets.append(0, batch.subarray(0, size));
  return { answered: await answered, settled: await settled, waited };
}

it.each([
  ['committed in time', NONE, 7, true, NONE, []],
  ['refused: not in the log', NOT_ENOUGH_REPLICAS, -1, true, NOT_ENOUGH_REPLICAS, []],
  ['given up, committed later', REQUEST_TIMED_OUT, 7, true, NONE, [9]],
  ['given up, and led elsewhere', REQUEST_TIMED_OUT, 7, false, NOT_LEADER_OR_FOLLOWER, [9]],
] as const)('an append %s', async (_, errorCode, baseOffset, isReached, settled, waited) => {
  expect(await append(errorCode, baseOffset, isReached)).toEqual({
    answered: errorCode,
    settled,
    waited,
  });
});
