import { build, type Histogram } from 'hdr-histogram-js';
import { isVarveError } from '../../engine/errors.js';
import { BatchProblem } from '../../engine/format/batch-check.js';
import {
  baseOffset,
  baseTimestamp,
  compressionOf,
  hasDeleteHorizon,
  isControl,
  isTransactional,
  lastOffset,
  maxTimestamp,
  partitionLeaderEpoch,
  producerId,
  recordsCount,
} from '../../engine/format/batch-header.js';
import { decompress } from '../../engine/format/compression/index.js';
import { BATCH_OVERHEAD, DEFAULT_MAX_DECOMPRESSED_BYTES } from '../../engine/format/layout.js';
import type { BatchScan } from '../../engine/log/inspect-scan.js';

/** Producers told one by one; a log may have had millions. */
const MAX_PRODUCERS = 100_000;
const MAX_VALUE = 0x7fff_ffff;

export interface CodecStats {
  batches: number;
  records: number;
  storedBytes: number;
  /** Of batches that were decompressed to see; null where `ratios` is off. */
  unpackedBytes: number | null;
}

/** Sums over the batches of one partition, or of several. Its size does not depend on the log's. */
export class StatsCollector {
  segments = 0;
  batches = 0;
  records = 0;
  controlBatches = 0;
  transactionalBatches = 0;
  /** Bytes of batches. */
  bytes = 0;
  reservedBytes = 0;
  damagedBatches = 0;
  firstOffset = -1;
  lastOffset = -1;
  minTimestampMs = Number.POSITIVE_INFINITY;
  maxTimestampMs = -1;
  readonly codecs = new Map<string, CodecStats>();
  readonly epochs = new Map<number, { batches: number; firstOffset: number; lastOffset: number }>();
  readonly producers = new Map<number, { batches: number; records: number }>();
  producersCut = false;
  readonly batchBytes = histogram();
  readonly recordsPerBatch = histogram();
  readonly #ratios: boolean;

  constructor(options: { readonly ratios: boolean }) {
    this.#ratios = options.ratios;
  }

  batch(scan: BatchScan): void {
    const { view, at, size } = scan;
    if (scan.problem !== BatchProblem.BATCH_OK) {
      this.damagedBatches += 1;
      return;
    }
    const records = recordsCount(view, at);
    this.batches += 1;
    this.bytes += size;
    this.batchBytes.recordValue(size);
    if (isControl(view, at)) this.controlBatches += 1;
    else {
      this.records += records;
      this.recordsPerBatch.recordValue(records);
    }
    if (isTransactional(view, at)) this.transactionalBatches += 1;
    const first = baseOffset(view, at);
    const last = lastOffset(view, at);
    if (this.firstOffset < 0) this.firstOffset = first;
    if (last > this.lastOffset) this.lastOffset = last;
    this.#time(view, at);
    this.#codec(scan, records);
    this.#epoch(partitionLeaderEpoch(view, at), first, last);
    this.#producer(producerId(view, at), records);
  }

  /** Data records a second between the first and the last timestamp; null where that is no time. */
  get recordsPerSecond(): number | null {
    const ms = this.maxTimestampMs - this.minTimestampMs;
    return ms > 0 && Number.isFinite(ms) ? (this.records / ms) * 1000 : null;
  }

  add(other: StatsCollector): void {
    this.segments += other.segments;
    this.batches += other.batches;
    this.records += other.records;
    this.controlBatches += other.controlBatches;
    this.transactionalBatches += other.transactionalBatches;
    this.bytes += other.bytes;
    this.reservedBytes += other.reservedBytes;
    this.damagedBatches += other.damagedBatches;
    this.minTimestampMs = Math.min(this.minTimestampMs, other.minTimestampMs);
    this.maxTimestampMs = Math.max(this.maxTimestampMs, other.maxTimestampMs);
    this.batchBytes.add(other.batchBytes);
    this.recordsPerBatch.add(other.recordsPerBatch);
    for (const [name, theirs] of other.codecs) {
      const ours = this.codecs.get(name);
      if (ours === undefined) this.codecs.set(name, { ...theirs });
      else addCodec(ours, theirs);
    }
    for (const [id, theirs] of other.producers) this.#addProducer(id, theirs);
    this.producersCut ||= other.producersCut;
  }

  #time(view: DataView, at: number): void {
    // Markers carry the broker's clock, records their own: a range over both says little about either.
    if (isControl(view, at)) return;
    const max = maxTimestamp(view, at);
    if (max > this.maxTimestampMs) this.maxTimestampMs = max;
    const min = hasDeleteHorizon(view, at) ? max : baseTimestamp(view, at);
    if (min >= 0 && min < this.minTimestampMs) this.minTimestampMs = min;
  }

  #codec(scan: BatchScan, records: number): void {
    const codec = compressionOf(scan.view, scan.at) ?? 'unknown';
    const stored = scan.size - BATCH_OVERHEAD;
    addCodec(this.#codecOf(codec), {
      batches: 1,
      records,
      storedBytes: stored,
      unpackedBytes: this.#unpacked(scan, codec, stored),
    });
  }

  #codecOf(codec: string): CodecStats {
    let stats = this.codecs.get(codec);
    if (stats === undefined) {
      stats = { batches: 0, records: 0, storedBytes: 0, unpackedBytes: 0 };
      this.codecs.set(codec, stats);
    }
    return stats;
  }

  #unpacked(scan: BatchScan, codec: string, stored: number): number | null {
    if (codec === 'none' || stored === 0) return stored;
    if (!this.#ratios) return null;
    const from = scan.at + BATCH_OVERHEAD;
    try {
      return decompress(codec as 'gzip', scan.buffer.subarray(from, scan.at + scan.size), {
        maxBytes: DEFAULT_MAX_DECOMPRESSED_BYTES,
      }).length;
    } catch (error) {
      if (!isVarveError(error)) throw error;
      this.damagedBatches += 1;
      return null;
    }
  }

  #epoch(epoch: number, first: number, last: number): void {
    const known = this.epochs.get(epoch);
    if (known === undefined) {
      this.epochs.set(epoch, { batches: 1, firstOffset: first, lastOffset: last });
      return;
    }
    known.batches += 1;
    known.lastOffset = last;
  }

  #producer(id: number, records: number): void {
    if (id >= 0) this.#addProducer(id, { batches: 1, records });
  }

  #addProducer(id: number, more: { readonly batches: number; readonly records: number }): void {
    const known = this.producers.get(id);
    if (known !== undefined) {
      known.batches += more.batches;
      known.records += more.records;
    } else if (this.producers.size < MAX_PRODUCERS) {
      this.producers.set(id, { ...more });
    } else {
      this.producersCut = true;
    }
  }
}

function addCodec(ours: CodecStats, theirs: CodecStats): void {
  ours.batches += theirs.batches;
  ours.records += theirs.records;
  ours.storedBytes += theirs.storedBytes;
  ours.unpackedBytes =
    ours.unpackedBytes === null || theirs.unpackedBytes === null
      ? null
      : ours.unpackedBytes + theirs.unpackedBytes;
}

function histogram(): Histogram {
  return build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: MAX_VALUE,
    numberOfSignificantValueDigits: 3,
  });
}

export function distribution(values: Histogram): Record<string, number> {
  if (values.totalCount === 0) return {};
  // A bucket answers with its upper end, which for the last one may lie above any value there was.
  const at = (percentile: number) =>
    Math.min(values.getValueAtPercentile(percentile), values.maxValue);
  return {
    min: values.minNonZeroValue,
    mean: Math.round(values.mean),
    p50: at(50),
    p90: at(90),
    p99: at(99),
    max: values.maxValue,
  };
}
