import { BatchProblem } from '../../engine/format/batch-check.js';
import { readBatchHeader } from '../../engine/format/batch-header.js';
import { BATCH_OVERHEAD } from '../../engine/format/layout.js';
import type { BatchScan } from '../../engine/log/inspect-scan.js';

/** One batch as data: the names of Kafka's DumpLogSegments, and what it does not tell. */
export interface BatchFacts {
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly count: number;
  readonly baseSequence: number;
  readonly lastSequence: number;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly partitionLeaderEpoch: number;
  readonly isTransactional: boolean;
  readonly isControl: boolean;
  readonly deleteHorizonMs: number | null;
  readonly position: number;
  readonly timestampType: 'CreateTime' | 'LogAppendTime';
  readonly maxTimestamp: number;
  readonly size: number;
  readonly codec: string;
  readonly crc: number;
  readonly isValid: boolean;
  /** What is wrong with it, or null. */
  readonly problem: string | null;
  /** Bytes of the records part, as stored. */
  readonly storedBytes: number;
}

export function batchFacts(scan: BatchScan): BatchFacts {
  const header = readBatchHeader(scan.view, scan.at);
  return {
    baseOffset: header.baseOffset,
    lastOffset: header.lastOffset,
    count: header.recordsCount,
    baseSequence: header.baseSequence,
    lastSequence: header.lastSequence,
    producerId: header.producerId,
    producerEpoch: header.producerEpoch,
    partitionLeaderEpoch: header.partitionLeaderEpoch,
    isTransactional: header.isTransactional,
    isControl: header.isControl,
    deleteHorizonMs: header.hasDeleteHorizon ? header.baseTimestamp : null,
    position: scan.position,
    timestampType: header.timestampType,
    maxTimestamp: header.maxTimestamp,
    size: scan.size,
    codec: header.compression ?? `unknown ${header.attributes & 7}`,
    crc: header.crc,
    isValid: scan.problem === BatchProblem.BATCH_OK,
    problem: scan.reason,
    storedBytes: scan.size - BATCH_OVERHEAD,
  };
}
