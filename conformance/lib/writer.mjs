// Writes a log with varve while keeping, apart from the engine, what the log must then hold.
import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict';
import { expectedRecord, someTimes } from './expected.mjs';
import { BatchOptions, MARKER_BATCH_BYTES, writeControlBatch } from './varve.mjs';

/**
 * @typedef {import('../../dist/engine/log/partition-log.js').PartitionLog} PartitionLog
 * @typedef {import('../../dist/engine/log/log-options.js').AppendOptions} AppendOptions
 * @typedef {import('../../dist/engine/types.js').RecordInput} RecordInput
 *
 * @typedef {object} Written  a record as it was meant
 * @property {number} offset @property {number} timestamp
 * @property {Buffer | null} key @property {Buffer | null} value
 * @property {{ key: string, value: string | null }[]} headers  values in base64
 * @property {boolean} isControl @property {number | null} transaction  producer id while its outcome is open
 * @property {number | null} transactionStart  first offset of the transaction it belongs to
 * @property {boolean} isAborted
 */

export class Writer {
  /** @type {Written[]} */ written = [];
  /** @type {PartitionLog} */ log;
  /** Offsets below it are gone by request. */
  logStartOffset = 0;
  endOffset = 0;
  #sequences = new Map();

  /** @param {PartitionLog} log */
  constructor(log) {
    this.log = log;
  }

  /**
   * Appends one batch. Records without a timestamp are refused: the model would not know it.
   * @param {RecordInput[]} records @param {AppendOptions} [options]
   */
  append(records, options = {}) {
    const before = Date.now();
    const result = this.log.append(records, options);
    ok(!result.isDuplicate);
    this.#wrote(result, records.length);
    const transaction = options.isTransactional ? (options.producerId ?? -1) : null;
    const begun = this.written.find(
      (record) => transaction !== null && record.transaction === transaction,
    );
    const transactionStart = transaction === null ? null : (begun?.offset ?? result.baseOffset);
    records.forEach((record, i) => {
      this.written.push({
        offset: result.baseOffset + i,
        timestamp: this.#timestampOf(record, result.baseOffset + i, before),
        key: bytes(record.key),
        value: bytes(record.value),
        headers: (record.headers ?? []).map((h) => ({ key: h.key, value: base64(bytes(h.value)) })),
        isControl: false,
        transaction,
        transactionStart,
        isAborted: false,
      });
    });
    return result;
  }

  #timestampOf(
    /** @type {RecordInput} */ record,
    /** @type {number} */ offset,
    /** @type {number} */ before,
  ) {
    if (this.log.config.messageTimestampType === 'CreateTime') {
      ok(record.timestamp !== undefined, 'a record of a conformance log has a timestamp');
      return record.timestamp;
    }
    const timestamp = this.log.readRecord(offset)?.timestamp ?? -1;
    ok(timestamp >= before && timestamp <= Date.now(), `append time ${timestamp}`);
    return timestamp;
  }

  /** Appends as an idempotent producer, counting its sequence. */
  produce(
    /** @type {number} */ producerId,
    /** @type {RecordInput[]} */ records,
    /** @type {AppendOptions} */ options = {},
  ) {
    const baseSequence = this.#sequences.get(producerId) ?? 0;
    this.#sequences.set(producerId, baseSequence + records.length);
    return this.append(records, { producerEpoch: 0, ...options, producerId, baseSequence });
  }

  /** Ends the open transaction of a producer by a control batch, as a transaction coordinator does. */
  end(
    /** @type {number} */ producerId,
    /** @type {'COMMIT' | 'ABORT'} */ marker,
    /** @type {number} */ timestamp,
  ) {
    const buffer = Buffer.alloc(MARKER_BATCH_BYTES);
    const options = new BatchOptions();
    options.producerId = producerId;
    options.producerEpoch = 0;
    options.now = timestamp;
    writeControlBatch(
      buffer,
      new DataView(buffer.buffer, buffer.byteOffset, buffer.length),
      0,
      marker,
      0,
      options,
    );
    const result = this.log.appendBatches(buffer, { origin: 'coordinator' });
    this.#wrote(result, 1);
    for (const record of this.written) {
      if (record.transaction !== producerId) continue;
      record.transaction = null;
      record.isAborted = marker === 'ABORT';
    }
    this.written.push({
      offset: result.baseOffset,
      timestamp,
      key: null,
      value: null,
      headers: [],
      isControl: true,
      transaction: null,
      transactionStart: null,
      isAborted: false,
    });
  }

  /**
   * Copies another log byte for byte, as a follower does.
   * @param {Buffer[]} reads each some whole batches @param {Written[]} written what the other log holds
   */
  replicate(reads, written) {
    for (const batches of reads)
      this.endOffset =
        this.log.appendBatches(batches, { origin: 'replication', checkRecords: true }).lastOffset +
        1;
    this.written = written;
  }

  /** Cuts log and model; varve cuts at the start of a batch, and says the log ends at `offset`. */
  async truncateTo(/** @type {number} */ offset, /** @type {number} */ batchStart) {
    await this.log.truncateTo(offset);
    strictEqual(this.log.logEndOffset, offset);
    this.written = this.written.filter((record) => record.offset < batchStart);
    this.endOffset = offset;
  }

  /** Compacts log and model: below the end of what was compacted, the latest record of each key stays. */
  async compact() {
    const report = await this.log.compact({ force: true });
    ok(report.compacted, 'there was something to compact');
    const keyOf = (/** @type {Written} */ record) => record.key?.toString('latin1') ?? '';
    const latest = new Map();
    for (const record of this.written) {
      if (record.offset < report.endOffset) latest.set(keyOf(record), record.offset);
    }
    this.written = this.written.filter(
      (record) => record.offset >= report.endOffset || latest.get(keyOf(record)) === record.offset,
    );
    return report;
  }

  async deleteRecordsBefore(/** @type {number} */ offset) {
    await this.log.deleteRecordsBefore(offset);
    this.logStartOffset = offset;
  }

  #wrote(
    /** @type {{ baseOffset: number, lastOffset: number }} */ result,
    /** @type {number} */ records,
  ) {
    strictEqual(result.baseOffset, this.endOffset, 'offsets follow one another');
    strictEqual(result.lastOffset, this.endOffset + records - 1);
    this.endOffset += records;
  }

  /** What a consumer must get. */
  expected() {
    const kept = this.written.filter((record) => record.offset >= this.logStartOffset);
    const data = kept.filter((record) => !record.isControl);
    const open = kept.find((record) => record.transaction !== null);
    const lastStableOffset = open?.offset ?? this.endOffset;
    const offsetsForTimes = someTimes(data).map((target) => {
      // Kafka's lookup sees control records too.
      const found = kept.find((record) => record.timestamp >= target);
      return { target, offset: found?.offset ?? null, timestamp: found?.timestamp ?? null };
    });
    return {
      beginningOffset: this.logStartOffset,
      endOffset: this.endOffset,
      lastStableOffset,
      offsetsForTimes,
      committedOffsets: data
        .filter((record) => !record.isAborted && record.offset < lastStableOffset)
        .map((record) => record.offset),
      records: data.map(({ offset, timestamp, key, value, headers }) =>
        expectedRecord({ offset, timestamp, key: base64(key), value: base64(value), headers }),
      ),
    };
  }

  /** Compares varve's own reading with it, time lookups and aborted transactions included. */
  verify() {
    const { lastStableOffset, offsetsForTimes } = this.expected();
    const data = this.written.filter(
      (record) => record.offset >= this.logStartOffset && !record.isControl,
    );
    strictEqual(this.log.lastStableOffset, lastStableOffset, 'the last stable offset');
    this.#compareAborted(data);
    this.#compare(data, offsetsForTimes);
  }

  /** A reader of committed data drops what the log names aborted: that must be exactly the aborted records. */
  #compareAborted(/** @type {Written[]} */ data) {
    const named = this.log
      .abortedTransactions(this.logStartOffset, this.endOffset)
      .map((entry) => entry.firstOffset);
    const firsts = new Set(
      data.flatMap((record) => (record.isAborted ? [record.transactionStart] : [])),
    );
    deepStrictEqual(
      named.sort((a, b) => a - b),
      [...firsts].sort((a, b) => Number(a) - Number(b)),
      'the first offsets of the aborted transactions',
    );
  }

  #compare(
    /** @type {Written[]} */ data,
    /** @type {{ target: number, offset: number | null }[]} */ times,
  ) {
    strictEqual(this.log.logStartOffset, this.logStartOffset);
    strictEqual(this.log.logEndOffset, this.endOffset);
    let offset = this.logStartOffset;
    for (const record of data) {
      const read = this.log.readRecord(offset, { checkCrcs: true });
      deepStrictEqual(
        read && {
          offset: read.offset,
          timestamp: read.timestamp,
          key: bytes(read.key),
          value: bytes(read.value),
        },
        {
          offset: record.offset,
          timestamp: record.timestamp,
          key: record.key,
          value: record.value,
        },
      );
      offset = record.offset + 1;
    }
    strictEqual(this.log.readRecord(offset), null, 'nothing follows the last record');
    for (const { target, offset } of times)
      strictEqual(this.log.findByTimestamp(target)?.offset ?? null, offset, `time ${target}`);
  }
}

/** @param {string | Uint8Array | null | undefined} input */
function bytes(input) {
  return input === null || input === undefined ? null : Buffer.from(input);
}

/** @param {Buffer | null} input */
function base64(input) {
  return input === null ? null : input.toString('base64');
}
