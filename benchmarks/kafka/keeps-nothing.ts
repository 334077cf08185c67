import { assignOffsetAndEpoch } from '../../engine/format/batch-header.js';
import { RECORDS_COUNT_AT } from '../../engine/format/layout.js';
import { KafkaError } from '../../engine/protocol/error-codes.js';
import type {
  FetchOptions,
  FetchPartitionResult,
  PartitionProduceResult,
  ProducePartition,
} from '../../engine/replication/types.js';

const NO_RECORDS = Buffer.alloc(0);
const NO_VIEW = new DataView(new ArrayBuffer(0));
/** What a consumer asks for by default in one partition: max.partition.fetch.bytes. */
const ANSWER_BYTES = 1024 * 1024;
const LEADER_EPOCH = 0;

/** A partition of which nothing is kept but how many records it would have, and one batch to show to readers. */
class CountedPartition {
  #records = 0;
  /** The largest batch that came. */
  #sample = NO_RECORDS;
  /** The sample as often as {@link ANSWER_BYTES} hold it: the memory of every answer. Made by the first read. */
  #copies = NO_RECORDS;
  #view = NO_VIEW;

  /** Returns the offset that the batch would have. */
  produced(batch: Buffer): number {
    const offset = this.#records;
    this.#records += batch.readInt32BE(RECORDS_COUNT_AT);
    if (batch.length > this.#sample.length) {
      this.#sample = Buffer.from(batch);
      this.#copies = NO_RECORDS;
    }
    return offset;
  }

  get #sampleRecords(): number {
    return this.#sample.readInt32BE(RECORDS_COUNT_AT);
  }

  /** After as many copies of the sample as it takes to have all the records that came. */
  get endOffset(): number {
    if (this.#records === 0) return 0;
    return Math.ceil(this.#records / this.#sampleRecords) * this.#sampleRecords;
  }

  /** Copies of the sample from the one with `offset` on. They overwrite those of the read before. */
  read(offset: number, maxBytes: number): Buffer {
    const end = this.endOffset;
    if (offset >= end) return NO_RECORDS;
    if (this.#copies.length === 0) this.#copy();
    const records = this.#sampleRecords;
    const bytes = this.#sample.length;
    const first = Math.floor(offset / records);
    const count = Math.min(
      end / records - first,
      this.#copies.length / bytes,
      Math.max(1, Math.floor(maxBytes / bytes)),
    );
    for (let i = 0; i < count; i += 1) {
      assignOffsetAndEpoch(this.#view, i * bytes, (first + i) * records, LEADER_EPOCH);
    }
    return this.#copies.subarray(0, count * bytes);
  }

  #copy(): void {
    const bytes = this.#sample.length;
    const count = Math.max(1, Math.floor(ANSWER_BYTES / bytes));
    this.#copies = Buffer.allocUnsafeSlow(count * bytes);
    for (let i = 0; i < count; i += 1) this.#sample.copy(this.#copies, i * bytes);
    this.#view = new DataView(this.#copies.buffer, 0, this.#copies.length);
  }
}

/**
 * What is left of a broker's work when nothing is appended and nothing is read: Produce is acknowledged at once, Fetch
 * is answered with the same memory again and again, with new offsets. What a client reaches beside it is about the most
 * that it can reach on this machine: there is nothing left but sockets and codings.
 *
 * For measuring only: records are lost, readers see one batch over and over. A partition has one reader at a time, with
 * one fetch under way, as Kafka's consumer does: an answer is overwritten by the next fetch.
 */
export class KeepsNothing {
  readonly #topics = new Map<string, CountedPartition[]>();

  produce(requests: readonly ProducePartition[]): PartitionProduceResult[] {
    const results = new Array<PartitionProduceResult>(requests.length);
    for (let i = 0; i < requests.length; i += 1) {
      const { topic, partition, records } = requests[i]!;
      if (records === null) throw new Error(`Produce to ${topic}-${partition} has no records`);
      results[i] = {
        topic,
        index: partition,
        errorCode: KafkaError.NONE,
        baseOffset: this.#partition(topic, partition).produced(records),
        logAppendTimeMs: -1,
        logStartOffset: 0,
        errorMessage: null,
      };
    }
    return results;
  }

  /** At once where anything is to be read, else after `maxWaitMs`: nobody is woken by what is produced meanwhile. */
  fetch(options: FetchOptions): FetchPartitionResult[] | Promise<FetchPartitionResult[]> {
    let left = options.maxBytes;
    const results = options.partitions.map((request): FetchPartitionResult => {
      const { topic, topicId, partition, fetchOffset, partitionMaxBytes } = request;
      const its = this.#partition(topic, partition);
      const records =
        left > 0 ? its.read(fetchOffset, Math.min(left, partitionMaxBytes)) : NO_RECORDS;
      left -= records.length;
      const { endOffset } = its;
      return {
        topic,
        topicId,
        partitionIndex: partition,
        errorCode: KafkaError.NONE,
        highWatermark: endOffset,
        lastStableOffset: endOffset,
        logStartOffset: 0,
        abortedTransactions: null,
        records,
      };
    });
    if (left < options.maxBytes) return results;
    return new Promise((resolve) => setTimeout(resolve, options.maxWaitMs, results));
  }

  #partition(topic: string, partition: number): CountedPartition {
    let partitions = this.#topics.get(topic);
    if (partitions === undefined) {
      partitions = [];
      this.#topics.set(topic, partitions);
    }
    const found = partitions[partition] ?? new CountedPartition();
    partitions[partition] = found;
    return found;
  }
}
