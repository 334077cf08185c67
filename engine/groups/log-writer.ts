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
  #answered: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  constructor(storage: GroupStorage, partition: number, clock: Clock) {
    this.#storage = storage;
    this.#partition = partition;
    this.#clock = clock;
  }

  /**
   * One batch, all or nothing. Resolves with NONE after `apply(NONE)`, else with the code of a producer's answer; never
   * rejects. `apply` is called once, with what the log says in the end, and must not throw: with NONE after all that was
   * appended before has been applied. That may be long after the answer, when the answer was that time is over: what is
   * in the log would be found by the next coordinator, so this one must not go on without it
   * [Kafka `CoordinatorRuntime`, where the high watermark and not the answer commits].
   */
  append(
    records: readonly RecordInput[],
    apply: (errorCode: KafkaErrorCode) => void,
  ): Promise<KafkaErrorCode> {
    if (this.#isClosed) {
      apply(KafkaError.NOT_LEADER_OR_FOLLOWER);
      return Promise.resolve(KafkaError.NOT_LEADER_OR_FOLLOWER);
    }
    const { answered, settled } = this.#storage.append(this.#partition, this.#batch(records));
    const earlier = this.#last;
    const applied = this.#apply(settled, earlier, apply);
    this.#last = Promise.all([earlier, applied]);
    const answer = this.#answer(answered, applied);
    this.#answered = Promise.all([this.#answered, answer]);
    return answer;
  }

  async #apply(
    settled: Promise<KafkaErrorCode>,
    earlier: Promise<unknown>,
    apply: (errorCode: KafkaErrorCode) => void,
  ): Promise<void> {
    const errorCode = await settled;
    if (errorCode === KafkaError.NONE) await earlier;
    apply(errorCode);
  }

  async #answer(
    answered: Promise<KafkaErrorCode>,
    applied: Promise<void>,
  ): Promise<KafkaErrorCode> {
    const errorCode = await answered;
    // All before it is committed too then.
    if (errorCode === KafkaError.NONE) await applied;
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

  /** Everything appended so far has been answered, and what was stored shows. */
  async answered(): Promise<void> {
    await this.#answered;
  }

  /** Nothing is appended any more. */
  close(): void {
    this.#isClosed = true;
  }
}
