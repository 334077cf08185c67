import { BatchOptions, batchSizeBound, writeBatch } from '../format/batch-writer.js';
import type { Clock } from '../io/port.js';
import { KafkaError, type KafkaErrorCode } from '../protocol/error-codes.js';
import type { RecordInput } from '../types.js';
import type { GroupStorage } from './ports.js';

/**
 * Appends to one partition of `__consumer_offsets`. Appends are acted on in the order of the calls, which is the
 * log's: memory then ends up as a reader of the log would have it.
 */
export class GroupLogWriter {
  readonly #storage: GroupStorage;
  readonly #partition: number;
  readonly #clock: Clock;
  readonly #options = new BatchOptions();
  #last: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  constructor(storage: GroupStorage, partition: number, clock: Clock) {
    this.#storage = storage;
    this.#partition = partition;
    this.#clock = clock;
  }

  /**
   * One batch, all or nothing. `apply` gets NONE, or the code of a producer's answer, when all that was appended
   * before has been applied; it must not throw. Never rejects.
   */
  append(
    records: readonly RecordInput[],
    apply: (errorCode: KafkaErrorCode) => void,
  ): Promise<KafkaErrorCode> {
    const appended = this.#isClosed
      ? Promise.resolve(KafkaError.NOT_LEADER_OR_FOLLOWER)
      : this.#storage.append(this.#partition, this.#batch(records));
    const applied = this.#apply(appended, this.#last, apply);
    this.#last = applied;
    return applied;
  }

  async #apply(
    appended: Promise<KafkaErrorCode>,
    earlier: Promise<unknown>,
    apply: (errorCode: KafkaErrorCode) => void,
  ): Promise<KafkaErrorCode> {
    const errorCode = await appended;
    await earlier;
    apply(errorCode);
    return errorCode;
  }

  #batch(records: readonly RecordInput[]): Buffer {
    const options = this.#options;
    options.now = this.#clock.now();
    const buffer = Buffer.allocUnsafe(batchSizeBound(records, 0, records.length));
    const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
    const size = writeBatch(buffer, view, 0, records, 0, records.length, options);
    return buffer.subarray(0, size);
  }

  /** Everything appended so far has been applied. */
  async settled(): Promise<void> {
    await this.#last;
  }

  /** Nothing is appended any more. */
  close(): void {
    this.#isClosed = true;
  }
}
