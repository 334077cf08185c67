import { diskFull } from '../model/disk-full.js';
import type { Cell } from '../model/knobs.js';

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;
/** Kafka's default of max.message.bytes. */
const DEFAULT_MAX_MESSAGE_BYTES = MIB + 12;
/** What framing and a key add to a batch of values at most, for the batch and for each record. */
const BATCH_OVERHEAD_BYTES = KIB;
const RECORD_OVERHEAD_BYTES = 48;
/** Kafka's default and least of segment.bytes. */
const DEFAULT_SEGMENT_BYTES = GIB;
const LEAST_SEGMENT_BYTES = MIB;
/** A run keeps to this share of what is free: the rest is for others, and for segments that are not full. */
const USABLE_SHARE = 0.5;
const LEAST_FREE_BYTES = 256 * MIB;
/** Retention deletes whole segments: so many must fit at least, the one being written included. */
const LEAST_SEGMENTS = 4;

/** What a broker and a topic need to take the batches of a cell. */
export function largestBatchBytes({ batchBytes, recordBytes }: Cell): number {
  const records = Math.ceil(Math.max(batchBytes, recordBytes) / recordBytes);
  return Math.max(batchBytes, recordBytes) + records * RECORD_OVERHEAD_BYTES + BATCH_OVERHEAD_BYTES;
}

/**
 * The settings of a cell's topic, by Kafka's names: only what differs from Kafka's defaults.
 * @param freeBytes Of the disk that all replicas share; null: not known, so nothing keeps the run from filling it.
 * @throws BenchError DISK_FULL when so little is free that a run would come to its end before its time.
 */
export function topicSettings(cell: Cell, freeBytes: number | null): Record<string, string> {
  const settings: Record<string, string> = {};
  if (cell.minInsyncReplicas > 1) {
    settings['min.insync.replicas'] = String(cell.minInsyncReplicas);
  }
  Object.assign(settings, flushSettings(cell.flush));
  const batchBytes = largestBatchBytes(cell);
  if (batchBytes > DEFAULT_MAX_MESSAGE_BYTES) settings['max.message.bytes'] = String(batchBytes);
  if (freeBytes !== null) Object.assign(settings, spaceSettings(cell, freeBytes, batchBytes));
  return settings;
}

function flushSettings(flush: Cell['flush']): Record<string, string> {
  if (flush === 'os') return {};
  if (flush === 'batch') return { 'flush.messages': '1' };
  return { 'flush.ms': flush.slice(0, -'ms'.length) };
}

/** As long as a run needs less than it may have, these change nothing: segments and retention are as by default. */
function spaceSettings(cell: Cell, freeBytes: number, batchBytes: number): Record<string, string> {
  const replicas = cell.partitions * cell.replicationFactor;
  const share = Math.floor((freeBytes * USABLE_SHARE) / replicas);
  const segmentBytes = Math.min(DEFAULT_SEGMENT_BYTES, Math.floor(share / LEAST_SEGMENTS));
  const least = Math.max(LEAST_SEGMENT_BYTES, batchBytes);
  if (freeBytes < LEAST_FREE_BYTES || segmentBytes < least) {
    const needed = Math.max(LEAST_FREE_BYTES, (least * LEAST_SEGMENTS * replicas) / USABLE_SHARE);
    throw diskFull(
      `${mib(freeBytes)} are free for ${cell.partitions} partitions with replication factor ${cell.replicationFactor}, which need ${mib(needed)}`,
    );
  }
  return {
    ...(segmentBytes < DEFAULT_SEGMENT_BYTES && { 'segment.bytes': String(segmentBytes) }),
    // What is not deleted yet and what is being written come on top.
    'retention.bytes': String(share - 2 * segmentBytes),
  };
}

const mib = (bytes: number): string => `${Math.round(bytes / MIB)} MiB`;
