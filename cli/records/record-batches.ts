import type { fetchV17 } from '@platformatic/kafka';

export interface ConsumedRecord {
  readonly offset: number;
  readonly timestamp: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly { readonly key: string; readonly value: Buffer | null }[];
}

const CONTROL = 0x20;
const TRANSACTIONAL = 0x10;
const LOG_APPEND_TIME = 0x08;
const ABORT = 0;

/** The records of a partition from `fromOffset` on, in order; with isolation 1 without those of aborted transactions. */
export function recordsOf(
  { records: batches = [], abortedTransactions }: fetchV17.FetchResponsePartition,
  fromOffset: number,
  isolation: 0 | 1,
): { records: Iterable<ConsumedRecord>; nextOffset: number } {
  const last = batches[batches.length - 1];
  const nextOffset =
    last === undefined ? fromOffset : Number(last.firstOffset) + last.lastOffsetDelta + 1;
  return { records: unpack(), nextOffset: Math.max(nextOffset, fromOffset) };

  function* unpack(): Generator<ConsumedRecord> {
    const aborted = isolation === 1 ? [...(abortedTransactions ?? [])] : [];
    aborted.sort((a, b) => Number(a.firstOffset - b.firstOffset));
    const open = new Set<bigint>();
    for (const batch of batches) {
      const { attributes, firstOffset, producerId } = batch;
      const lastOffset = firstOffset + BigInt(batch.lastOffsetDelta);
      for (let next = aborted[0]; next && next.firstOffset <= lastOffset; next = aborted[0]) {
        open.add(next.producerId);
        aborted.shift();
      }
      if (attributes & CONTROL) {
        const key = batch.records[0]?.key;
        if (key && key.length >= 4 && key.readInt16BE(2) === ABORT) open.delete(producerId);
        continue;
      }
      if (attributes & TRANSACTIONAL && open.has(producerId)) continue;
      for (const record of batch.records) {
        const offset = Number(firstOffset) + record.offsetDelta;
        if (offset < fromOffset) continue;
        const timestamp =
          attributes & LOG_APPEND_TIME
            ? batch.maxTimestamp
            : batch.firstTimestamp + record.timestampDelta;
        yield {
          offset,
          timestamp: Number(timestamp),
          key: record.key,
          value: record.value,
          headers: record.headers.map(([key, value]) => ({ key: key?.toString() ?? '', value })),
        };
      }
    }
  }
}
