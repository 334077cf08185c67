import { VarveError } from '../errors.js';
import { type GroupStorage, OFFSETS_TOPIC } from '../groups/ports.js';
import type { PartitionLog } from '../log/partition-log.js';
import type { KafkaErrorCode } from '../protocol/error-codes.js';
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

  async append(partition: number, batch: Buffer): Promise<KafkaErrorCode> {
    const { appendTimeoutMs, replicas } = this.#options;
    const timeoutMs = appendTimeoutMs();
    const result = await replicas.appendLocal(OFFSETS_TOPIC, partition, batch, { timeoutMs });
    return result.errorCode;
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

  waitForHighWatermark(partition: number, offset: number): Promise<void> {
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
