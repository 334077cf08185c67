import { VarveError } from '../errors.js';
import { lastOffsetDelta } from '../format/batch-header.js';
import { type GroupAppend, type GroupStorage, OFFSETS_TOPIC } from '../groups/ports.js';
import type { PartitionLog } from '../log/partition-log.js';
import { KafkaError, type KafkaErrorCode } from '../protocol/error-codes.js';
import type { Replicas } from '../replication/types.js';
import type { MetadataCache } from './metadata-cache.js';

export interface ReplicatedOffsetsOptions {
  readonly replicas: Pick<Replicas, 'appendLocal' | 'leaderLog' | 'waitForHighWatermark'>;
  readonly metadata: MetadataCache;
  readonly partitionsByDefault: () => number;
  readonly appendTimeoutMs: () => number;
}

/** `__consumer_offsets` as the group coordinator sees it, kept by replication. */
export class ReplicatedOffsets implements GroupStorage {
  readonly #options: ReplicatedOffsetsOptions;

  constructor(options: ReplicatedOffsetsOptions) {
    this.#options = options;
  }

  partitionCount(): number {
    const topic = this.#options.metadata.image.topics.get(OFFSETS_TOPIC);
    return topic?.partitions.length ?? this.#options.partitionsByDefault();
  }

  append(partition: number, batch: Buffer): GroupAppend {
    const { appendTimeoutMs, replicas } = this.#options;
    const timeoutMs = appendTimeoutMs();
    const records =
      lastOffsetDelta(new DataView(batch.buffer, batch.byteOffset, batch.length), 0) + 1;
    const result = replicas.appendLocal(OFFSETS_TOPIC, partition, batch, { timeoutMs });
    const answered = result.then(({ errorCode }) => errorCode);
    const settled = result.then(({ errorCode, baseOffset }) =>
      errorCode === KafkaError.NONE || baseOffset < 0
        ? errorCode
        : this.#outcome(partition, baseOffset + records),
    );
    return { answered, settled };
  }

  /** Of what is in the log up to `endOffset` and was not waited for any longer. */
  async #outcome(partition: number, endOffset: number): Promise<KafkaErrorCode> {
    const isCommitted = await this.waitForHighWatermark(partition, endOffset);
    return isCommitted ? KafkaError.NONE : KafkaError.NOT_LEADER_OR_FOLLOWER;
  }

  startOffset(partition: number): number {
    return this.#log(partition).logStartOffset;
  }

  async read(partition: number, fromOffset: number, maxBytes: number): Promise<Buffer> {
    const log = this.#log(partition);
    let offset = fromOffset;
    for (;;) {
      const { bytes, nextOffset } = log.read(offset, { maxBytes, isolation: 'log_end' });
      // Nothing and yet further: compaction left a gap up to the end of a segment.
      if (bytes.length > 0 || nextOffset <= offset) return bytes;
      offset = nextOffset;
    }
  }

  waitForHighWatermark(partition: number, offset: number): Promise<boolean> {
    return this.#options.replicas.waitForHighWatermark(OFFSETS_TOPIC, partition, offset);
  }

  topicExists(topic: string, partition: number): boolean {
    return this.#options.metadata.image.partition(topic, partition) !== undefined;
  }

  #log(partition: number): PartitionLog {
    const log = this.#options.replicas.leaderLog(OFFSETS_TOPIC, partition);
    if (log !== null) return log;
    throw new VarveError(
      'UNKNOWN_TOPIC_OR_PARTITION',
      `this broker does not lead ${OFFSETS_TOPIC}-${partition} any more`,
      { details: { topic: OFFSETS_TOPIC, partition } },
    );
  }
}
