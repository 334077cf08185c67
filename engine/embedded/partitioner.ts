import { partitionForKey } from '../format/murmur2.js';
import type { BytesOrText } from '../types.js';

/** What a partitioner sees of a record. */
export interface PartitionedRecord {
  readonly topic: string;
  readonly key?: BytesOrText | null;
  readonly value?: BytesOrText | null;
}

/**
 * Chooses the partition of a record, a whole number below `partitions`. `batchBytes` is the producer's
 * batch size, for partitioners that change partition by the batch.
 */
export type Partitioner = (
  record: PartitionedRecord,
  partitions: number,
  batchBytes: number,
) => number;

/**
 * Kafka's Java default: records with a key by murmur2 of the key over all partitions, so that a key's records stay
 * in order; records without one stick to a partition until a batch's worth of bytes went there, which fills batches.
 */
export function stickyPartitioner(random: () => number = Math.random): Partitioner {
  const current = new Map<string, { partition: number; bytes: number }>();
  return (record, partitions, batchBytes) => {
    if (hasKey(record)) return byKey(record.key, partitions);
    let sticky = current.get(record.topic);
    if (sticky === undefined || sticky.partition >= partitions) {
      sticky = { partition: Math.floor(random() * partitions), bytes: 0 };
      current.set(record.topic, sticky);
    } else if (sticky.bytes >= batchBytes) {
      sticky.bytes = 0;
      if (partitions > 1) {
        // Any partition but the last one, each as likely.
        const step = 1 + Math.floor(random() * (partitions - 1));
        sticky.partition = (sticky.partition + step) % partitions;
      }
    }
    sticky.bytes += lengthOf(record.value);
    return sticky.partition;
  };
}

/** Records with a key by murmur2; records without one in turn over all partitions. */
export function roundRobinPartitioner(): Partitioner {
  const next = new Map<string, number>();
  return (record, partitions) => {
    if (hasKey(record)) return byKey(record.key, partitions);
    const partition = (next.get(record.topic) ?? 0) % partitions;
    next.set(record.topic, partition + 1);
    return partition;
  };
}

function hasKey(record: PartitionedRecord): record is { topic: string; key: BytesOrText } {
  return record.key !== null && record.key !== undefined;
}

function byKey(key: BytesOrText, partitions: number): number {
  return partitionForKey(typeof key === 'string' ? Buffer.from(key) : key, partitions);
}

function lengthOf(value: BytesOrText | null | undefined): number {
  if (value === null || value === undefined) return 0;
  return typeof value === 'string' ? Buffer.byteLength(value) : value.length;
}
