import { assignOffsetAndEpoch, lastOffset, sizeInBytes } from '../format/batch-header.js';
import { records } from '../format/batch-reader.js';
import type { GroupAppend, GroupStorage } from '../groups/ports.js';
import { KafkaError, type KafkaErrorCode } from '../protocol/error-codes.js';
import type { LogRecord } from '../types.js';

/** `__consumer_offsets` in memory, with appends and reads that fail or wait when a test says so. */
export class MemoryGroupStorage implements GroupStorage {
  partitions = 1;
  /**
   * What the next appends come to; NONE when there is nothing left. Those that fail leave nothing in the log, but for
   * REQUEST_TIMED_OUT: that is in the log, and committed by `commitLate`.
   */
  readonly appendResults: KafkaErrorCode[] = [];
  /** Thrown by the next read. */
  readError: unknown = null;
  readonly missingTopics = new Set<string>();
  appends = 0;
  /** Until when a loader waits, and what for. */
  highWatermarkReached: Promise<void> = Promise.resolve();
  waitedFor = -1;
  readonly #logs = new Map<number, Buffer[]>();
  #held: (() => void)[] | null = null;
  #heldReads: (() => void)[] | null = null;
  readonly #late: (() => void)[] = [];

  partitionCount(): number {
    return this.partitions;
  }

  /** Appends answer only after `release`; they are in the log at once. */
  hold(): void {
    this.#held ??= [];
  }

  release(): void {
    const held = this.#held ?? [];
    this.#held = null;
    for (const resume of held) resume();
  }

  holdReads(): void {
    this.#heldReads ??= [];
  }

  releaseReads(): void {
    const held = this.#heldReads ?? [];
    this.#heldReads = null;
    for (const resume of held) resume();
  }

  append(partition: number, batch: Buffer): GroupAppend {
    this.appends++;
    const result = this.appendResults.shift() ?? KafkaError.NONE;
    const isLate = result === KafkaError.REQUEST_TIMED_OUT;
    if (result === KafkaError.NONE || isLate) this.put(partition, batch);
    // The high watermark passes what is late before what comes after it.
    if (result === KafkaError.NONE) this.commitLate();
    const held = this.#held;
    const answered =
      held === null
        ? Promise.resolve(result)
        : new Promise<KafkaErrorCode>((resolve) => held.push(() => resolve(result)));
    if (!isLate) return { answered, settled: answered };
    const settled = new Promise<KafkaErrorCode>((resolve) => {
      this.#late.push(() => resolve(KafkaError.NONE));
    });
    return { answered, settled };
  }

  /** What timed out is committed now. */
  commitLate(): void {
    for (const commit of this.#late.splice(0)) commit();
  }

  /** A batch as another broker may have written it. */
  put(partition: number, batch: Buffer): void {
    const log = this.#log(partition);
    const copy = Buffer.from(batch);
    const view = viewOf(copy);
    for (let at = 0, base = this.endOffset(partition); at < copy.length; ) {
      const count = lastOffset(view, at) + 1;
      assignOffsetAndEpoch(view, at, base, 0);
      base += count;
      at += sizeInBytes(view, at);
    }
    log.push(copy);
  }

  startOffset(): number {
    return 0;
  }

  endOffset(partition: number): number {
    const last = this.#log(partition).at(-1);
    return last === undefined ? 0 : endOf(last);
  }

  async read(partition: number, fromOffset: number, maxBytes: number): Promise<Buffer> {
    const held = this.#heldReads;
    if (held !== null) await new Promise<void>((resolve) => held.push(resolve));
    const error = this.readError;
    if (error !== null) {
      this.readError = null;
      throw error;
    }
    const chosen: Buffer[] = [];
    let size = 0;
    for (const batch of this.#log(partition)) {
      if (endOf(batch) <= fromOffset) continue;
      if (chosen.length > 0 && size + batch.length > maxBytes) break;
      chosen.push(batch);
      size += batch.length;
    }
    return Buffer.concat(chosen);
  }

  async waitForHighWatermark(_partition: number, offset: number): Promise<boolean> {
    this.waitedFor = offset;
    await this.highWatermarkReached;
    return true;
  }

  topicExists(topic: string): boolean {
    return !this.missingTopics.has(topic);
  }

  /** Everything in the log, in order. */
  *records(partition = 0): Generator<LogRecord> {
    for (const batch of this.#log(partition)) yield* records(batch, 0);
  }

  #log(partition: number): Buffer[] {
    let log = this.#logs.get(partition);
    if (log === undefined) {
      log = [];
      this.#logs.set(partition, log);
    }
    return log;
  }
}

function endOf(batches: Buffer): number {
  const view = viewOf(batches);
  let end = 0;
  for (let at = 0; at < batches.length; at += sizeInBytes(view, at)) end = lastOffset(view, at) + 1;
  return end;
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
