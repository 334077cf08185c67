import { setTimeout as sleep } from 'node:timers/promises';
import { sizeInBytes } from '../../../engine/format/batch-header.js';
import { RecordCursor } from '../../../engine/format/batch-reader.js';
import { KafkaError, kafkaErrorName } from '../../../engine/protocol/error-codes.js';
import { STAMP_BYTES, stampedSequence } from '../../load/stamp.js';
import { BenchError } from '../target.js';
import type { ExperimentContext } from './context.js';
import { SeenSequences } from './sequences.js';

/** The last that both varve and every Kafka of today have and that goes by names. */
const FETCH_VERSION = 12;
const FETCH_BYTES = 4 * 1024 * 1024;
/** The high watermark follows when the replicas have fetched: a partition that does not grow for so long is at its end. */
const STILL_MS = 1_500;
const PAUSE_MS = 50;
/** Partitions read at the same time: most of it is waiting. */
const AT_ONCE = 8;
const MOVED: ReadonlySet<number> = new Set([
  KafkaError.NOT_LEADER_OR_FOLLOWER,
  KafkaError.LEADER_NOT_AVAILABLE,
  KafkaError.REPLICA_NOT_AVAILABLE,
  KafkaError.FENCED_LEADER_EPOCH,
  KafkaError.UNKNOWN_LEADER_EPOCH,
  KafkaError.UNKNOWN_TOPIC_OR_PARTITION,
]);

/** Everything that the topic holds: what was seen of each partition's sequence numbers. Nobody may be writing. */
export async function readBack(
  context: ExperimentContext,
  signal: AbortSignal,
): Promise<SeenSequences[]> {
  const seen: SeenSequences[] = [];
  let next = 0;
  const readOneByOne = async (): Promise<void> => {
    while (next < context.topic.partitions) {
      const partition = next;
      next += 1;
      seen[partition] = await readPartition(context, partition, signal);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, readOneByOne));
  return seen;
}

async function readPartition(
  context: ExperimentContext,
  partition: number,
  signal: AbortSignal,
): Promise<SeenSequences> {
  const { topic } = context.topic;
  const seen = new SeenSequences();
  const cursor = new RecordCursor();
  let fetchOffset = 0;
  let lastGrowthMs = performance.now();
  let leader: string | null = null;
  while (performance.now() - lastGrowthMs < STILL_MS) {
    if (signal.aborted) throw new BenchError('TIMED_OUT', `reading ${topic}-${partition} back`);
    leader ??= await addressOfLeader(context, partition);
    if (leader === null) {
      lastGrowthMs = performance.now();
      await sleep(PAUSE_MS);
      continue;
    }
    const { errorCode, records } = await fetchFrom(context, leader, partition, fetchOffset);
    if (MOVED.has(errorCode)) {
      // A broker that came back takes up what it leads first.
      leader = null;
      continue;
    }
    if (errorCode === KafkaError.OFFSET_OUT_OF_RANGE) {
      throw new BenchError(
        'TARGET_FAILED',
        `${topic}-${partition} has no offset ${fetchOffset}: either its end was lost, or the disk has no room for all that was written and retention deleted the start. Shorten the run or lower its rate`,
      );
    }
    if (errorCode !== KafkaError.NONE) {
      throw new BenchError('TARGET_FAILED', `${topic}-${partition}: ${kafkaErrorName(errorCode)}`);
    }
    const next = takeBatches(records, fetchOffset, cursor, seen);
    if (next > fetchOffset) {
      fetchOffset = next;
      lastGrowthMs = performance.now();
    } else {
      await sleep(PAUSE_MS);
    }
  }
  return seen;
}

async function addressOfLeader(
  { admin, topic }: ExperimentContext,
  partition: number,
): Promise<string | null> {
  const [brokers, places] = await Promise.all([admin.brokers(), admin.partitions(topic.topic)]);
  const leader = places?.[partition]?.leader;
  return brokers.find(({ id }) => id === leader)?.address ?? null;
}

async function fetchFrom(
  { admin, topic: { topic } }: ExperimentContext,
  address: string,
  partition: number,
  fetchOffset: number,
): Promise<{ readonly errorCode: number; readonly records: Buffer }> {
  const partitions = [{ partition, fetchOffset, partitionMaxBytes: FETCH_BYTES }];
  const request = {
    maxWaitMs: 0,
    minBytes: 0,
    maxBytes: FETCH_BYTES,
    topics: [{ topic, partitions }],
  };
  const answer = await admin.askBroker(address, 'Fetch', request, { version: FETCH_VERSION });
  const its = answer.responses[0]?.partitions[0];
  return {
    errorCode: its?.errorCode ?? KafkaError.UNKNOWN_SERVER_ERROR,
    records: its?.records ?? Buffer.alloc(0),
  };
}

/** Notes the numbers of whole batches' records from an offset on; returns the offset after the last. */
export function takeBatches(
  records: Buffer,
  fromOffset: number,
  cursor: RecordCursor,
  seen: SeenSequences,
): number {
  const view = new DataView(records.buffer, records.byteOffset, records.length);
  let next = fromOffset;
  // The last batch may be cut off.
  for (let at = 0; at + 12 <= records.length; at += sizeInBytes(view, at)) {
    if (at + sizeInBytes(view, at) > records.length) break;
    cursor.reset(records, view, at);
    while (cursor.next()) {
      if (cursor.offset < fromOffset) continue;
      next = cursor.offset + 1;
      if (cursor.valueEnd - cursor.valueStart < STAMP_BYTES) throw withoutStamp(cursor.offset);
      seen.add(stampedSequence(cursor.buffer, cursor.valueStart));
    }
  }
  return next;
}

function withoutStamp(offset: number): BenchError {
  return new BenchError('LOAD_FAILED', `the record at offset ${offset} has no sequence number`);
}
