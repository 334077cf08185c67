import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BatchProblem, checkBatch, describeProblem } from '../format/batch-check.js';
import {
  baseOffset,
  lastOffset,
  partitionLeaderEpoch,
  sizeInBytes,
} from '../format/batch-header.js';
import { readRecords } from '../format/batch-reader.js';

/** What a broker's files hold of one partition, after the broker has closed. */
export interface ReplicaLog {
  readonly brokerId: number;
  readonly batches: readonly StoredBatch[];
  readonly endOffset: number;
}

export interface StoredBatch {
  readonly offset: number;
  readonly endOffset: number;
  readonly leaderEpoch: number;
  readonly bytes: Buffer;
}

const CHECK = { crc: true, maxBytes: 1 << 26 };

/** @throws for a batch that is not whole, or does not follow the one before it. */
export function readReplicaLog(
  clusterDirectory: string,
  brokerId: number,
  partition: string,
): ReplicaLog {
  const directory = join(clusterDirectory, `broker-${brokerId}`, partition);
  if (!existsSync(directory)) throw new Error(`broker ${brokerId} has no ${partition}`);
  const files = readdirSync(directory)
    .filter((name) => name.endsWith('.log'))
    .sort();
  const batches: StoredBatch[] = [];
  let endOffset = Number(files[0]?.slice(0, 20) ?? 0);
  for (const name of files) {
    const bytes = readFileSync(join(directory, name));
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let at = 0; at < bytes.length; ) {
      const where = `broker ${brokerId}, ${partition}/${name} at ${at}`;
      const problem = checkBatch(bytes, view, at, bytes.length, CHECK);
      if (problem !== BatchProblem.BATCH_OK) {
        const text = describeProblem(problem, bytes, view, at, bytes.length, CHECK);
        throw new Error(`${where}: ${text}`);
      }
      const size = sizeInBytes(view, at);
      if (baseOffset(view, at) !== endOffset) {
        throw new Error(`${where}: offset ${baseOffset(view, at)} where ${endOffset} is next`);
      }
      const batch = {
        offset: endOffset,
        endOffset: lastOffset(view, at) + 1,
        leaderEpoch: partitionLeaderEpoch(view, at),
        bytes: bytes.subarray(at, at + size),
      };
      const before = batches.at(-1)?.leaderEpoch ?? 0;
      if (batch.leaderEpoch < before) {
        throw new Error(`${where}: leader epoch ${batch.leaderEpoch} after ${before}`);
      }
      batches.push(batch);
      endOffset = batch.endOffset;
      at += size;
    }
  }
  return { brokerId, batches, endOffset };
}

/** @throws where replicas differ below `highWatermark`, or one ends before it. */
export function compareReplicas(
  partition: string,
  logs: readonly ReplicaLog[],
  highWatermark: number,
): void {
  const [first, ...others] = logs;
  if (first === undefined) throw new Error(`${partition} has no replicas`);
  for (const { brokerId, endOffset } of logs) {
    if (endOffset >= highWatermark) continue;
    throw new Error(
      `${partition} ends at ${endOffset} on broker ${brokerId}; the high watermark was ${highWatermark}`,
    );
  }
  for (const other of others) {
    for (const [i, batch] of first.batches.entries()) {
      if (batch.offset >= highWatermark) break;
      const its = other.batches[i];
      if (its?.bytes.equals(batch.bytes) === true) continue;
      throw new Error(
        `${partition} differs at offset ${batch.offset}: broker ${first.brokerId} has ${about(batch)}, ` +
          `broker ${other.brokerId} has ${about(its)}`,
      );
    }
  }
}

function about(batch: StoredBatch | undefined): string {
  if (batch === undefined) return 'nothing';
  const { offset, endOffset, leaderEpoch, bytes } = batch;
  return `offsets ${offset} to ${endOffset - 1} of epoch ${leaderEpoch} in ${bytes.length} bytes`;
}

/** The values of its records below `highWatermark`, in order. */
export function valuesOf({ batches }: ReplicaLog, highWatermark: number): string[] {
  return batches
    .filter(({ offset }) => offset < highWatermark)
    .flatMap(({ bytes }) =>
      [...readRecords(bytes, 0)].map(({ value }) =>
        value === null ? '' : Buffer.from(value).toString(),
      ),
    );
}
