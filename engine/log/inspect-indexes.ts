import {
  OFFSET_INDEX_ENTRY_BYTES,
  offsetIndexPosition,
  offsetIndexRelativeOffset,
  TIME_INDEX_ENTRY_BYTES,
  timeIndexRelativeOffset,
  timeIndexTimestamp,
} from '../format/index-entries.js';
import type { Finding, FindingCode, Report } from './inspect-finding.js';

/** Wrong entries reported one by one; a file that lies throughout is told once more, with the count. */
const MAX_REPORTED_ENTRIES = 10;
const REBUILD = 'rebuilds it from the log';

/** The entries of an index file up to the zeros that a file which was never trimmed ends with. */
abstract class IndexCheck {
  readonly path: string;
  readonly entries: number;
  /** Zero entries at the end. */
  readonly padding: number;
  protected readonly view: DataView;
  protected readonly baseOffset: number;
  protected next = 0;
  readonly #report: Report;
  readonly #code: FindingCode;
  #wrong = 0;

  constructor(
    path: string,
    bytes: Buffer,
    baseOffset: number,
    entryBytes: number,
    code: FindingCode,
    report: Report,
  ) {
    this.path = path;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.baseOffset = baseOffset;
    this.#code = code;
    this.#report = report;
    const whole = Math.floor(bytes.length / entryBytes);
    let used = whole;
    while (used > 0 && isZero(bytes, (used - 1) * entryBytes, entryBytes)) used -= 1;
    // One zero entry alone is (timestamp 0, first offset), which may be meant.
    if (used === 0 && whole === 1 && code === 'bad-time-index') used = 1;
    this.entries = used;
    this.padding = whole - used;
    if (whole * entryBytes !== bytes.length) {
      this.#say(
        whole * entryBytes,
        null,
        `${bytes.length} bytes are no whole number of entries of ${entryBytes}: its end is cut off`,
      );
    }
  }

  get isSound(): boolean {
    return this.#wrong === 0;
  }

  protected wrong(position: number, offset: number | null, message: string): void {
    this.#wrong += 1;
    if (this.#wrong <= MAX_REPORTED_ENTRIES) this.#say(position, offset, message);
  }

  protected summarize(): void {
    const more = this.#wrong - MAX_REPORTED_ENTRIES;
    if (more > 0) this.#say(null, null, `and ${more} more entries that do not fit the log`);
  }

  #say(position: number | null, offset: number | null, message: string): void {
    if (position !== null && this.#wrong === 0) this.#wrong = 1;
    const finding: Finding = {
      severity: 'damage',
      code: this.#code,
      path: this.path,
      position,
      offset,
      message,
      repair: REBUILD,
    };
    this.#report(finding);
  }
}

/**
 * Holds an `.index` file against the batches as they go by. Kafka's DumpLogSegments: each entry's offset is the last
 * offset of the batch at its position. Kafka 4.0 and older wrote an entry for each append instead, with the last
 * offset of the append's last batch: accepted too.
 */
export class OffsetIndexCheck extends IndexCheck {
  /** Offsets of entries that must turn out to end a later batch. */
  readonly #awaited: { entry: number; offset: number }[] = [];
  #nextPosition = Number.POSITIVE_INFINITY;

  constructor(path: string, bytes: Buffer, baseOffset: number, report: Report) {
    super(path, bytes, baseOffset, OFFSET_INDEX_ENTRY_BYTES, 'bad-index', report);
    this.#aim();
  }

  batch(position: number, firstOffset: number, lastOffset: number): void {
    if (this.#awaited.length > 0) this.#settle(lastOffset);
    while (this.#nextPosition <= position) {
      this.#check(position, firstOffset, lastOffset);
      this.next += 1;
      this.#aim();
    }
  }

  /** After the last batch, which ends at `end`. With `cut` the log is damaged there and says nothing of the rest. */
  finish(end: number, cut: boolean): void {
    for (; !cut && this.next < this.entries; this.next += 1) {
      const at = this.next * OFFSET_INDEX_ENTRY_BYTES;
      this.wrong(
        at,
        this.#offset(this.next),
        `entry ${this.next} points at position ${offsetIndexPosition(this.view, at)}, but the log ends at ${end}`,
      );
    }
    if (!cut) this.#settle(Number.POSITIVE_INFINITY);
    this.summarize();
  }

  #check(position: number, firstOffset: number, lastOffset: number): void {
    const entry = this.next;
    const at = entry * OFFSET_INDEX_ENTRY_BYTES;
    const offset = this.#offset(entry);
    if (this.#nextPosition !== position) {
      this.wrong(
        at,
        offset,
        `entry ${entry} points at position ${this.#nextPosition}, where no batch begins`,
      );
    } else if (entry > 0 && offset <= this.#offset(entry - 1)) {
      this.wrong(at, offset, `entry ${entry} has offset ${offset}, not above the entry before it`);
    } else if (offset < lastOffset) {
      this.wrong(
        at,
        offset,
        `entry ${entry} has offset ${offset}, but the batch at its position ${position} holds ${firstOffset}..${lastOffset}`,
      );
    } else if (offset > lastOffset) {
      this.#awaited.push({ entry, offset });
    }
  }

  #settle(lastOffset: number): void {
    let known = 0;
    while (known < this.#awaited.length && this.#awaited[known]!.offset <= lastOffset) {
      const { entry, offset } = this.#awaited[known]!;
      if (offset !== lastOffset) {
        this.wrong(
          entry * OFFSET_INDEX_ENTRY_BYTES,
          offset,
          `entry ${entry} has offset ${offset}, which is not the last offset of the batch at its position, nor of any`,
        );
      }
      known += 1;
    }
    this.#awaited.splice(0, known);
  }

  #offset(entry: number): number {
    return this.baseOffset + offsetIndexRelativeOffset(this.view, entry * OFFSET_INDEX_ENTRY_BYTES);
  }

  #aim(): void {
    this.#nextPosition =
      this.next < this.entries
        ? offsetIndexPosition(this.view, this.next * OFFSET_INDEX_ENTRY_BYTES)
        : Number.POSITIVE_INFINITY;
  }
}

/**
 * Holds a `.timeindex` file against the batches. Kafka's DumpLogSegments: each entry names the last offset of a batch
 * whose largest timestamp it has; timestamps ascend.
 */
export class TimeIndexCheck extends IndexCheck {
  #nextOffset = Number.POSITIVE_INFINITY;
  #lastTimestamp = -1;

  constructor(path: string, bytes: Buffer, baseOffset: number, report: Report) {
    super(path, bytes, baseOffset, TIME_INDEX_ENTRY_BYTES, 'bad-time-index', report);
    this.#aim();
  }

  /** Timestamp of the last entry in milliseconds; -1 for none. */
  get lastTimestamp(): number {
    if (this.entries === 0) return -1;
    return timeIndexTimestamp(this.view, (this.entries - 1) * TIME_INDEX_ENTRY_BYTES);
  }

  batch(lastOffset: number, maxTimestampMs: number): void {
    while (this.#nextOffset <= lastOffset) {
      this.#check(lastOffset, maxTimestampMs);
      this.next += 1;
      this.#aim();
    }
  }

  finish(cut: boolean): void {
    for (; !cut && this.next < this.entries; this.next += 1) {
      const at = this.next * TIME_INDEX_ENTRY_BYTES;
      const offset = this.baseOffset + timeIndexRelativeOffset(this.view, at);
      this.wrong(
        at,
        offset,
        `entry ${this.next} names offset ${offset}, which the log does not have`,
      );
    }
    this.summarize();
  }

  /** A sealed segment's index ends with its largest timestamp, or searches by time pass the segment over. */
  requireLast(maxTimestampMs: number): void {
    if (!this.isSound || this.lastTimestamp >= maxTimestampMs) return;
    this.wrong(
      Math.max(0, this.entries - 1) * TIME_INDEX_ENTRY_BYTES,
      null,
      `ends with timestamp ${this.lastTimestamp}, but the segment's largest is ${maxTimestampMs}: searches by time would pass it over`,
    );
  }

  #check(lastOffset: number, maxTimestampMs: number): void {
    const at = this.next * TIME_INDEX_ENTRY_BYTES;
    const timestamp = timeIndexTimestamp(this.view, at);
    const offset = this.#nextOffset;
    if (offset !== lastOffset) {
      this.wrong(
        at,
        offset,
        `entry ${this.next} names offset ${offset}, which is not the last offset of any batch`,
      );
    } else if (timestamp !== maxTimestampMs) {
      this.wrong(
        at,
        offset,
        `entry ${this.next} says timestamp ${timestamp}, but the batch that ends at ${offset} has ${maxTimestampMs}`,
      );
    } else if (timestamp <= this.#lastTimestamp) {
      this.wrong(
        at,
        offset,
        `entry ${this.next} has timestamp ${timestamp}, not above ${this.#lastTimestamp} before it`,
      );
    }
    this.#lastTimestamp = Math.max(this.#lastTimestamp, timestamp);
  }

  #aim(): void {
    this.#nextOffset =
      this.next < this.entries
        ? this.baseOffset + timeIndexRelativeOffset(this.view, this.next * TIME_INDEX_ENTRY_BYTES)
        : Number.POSITIVE_INFINITY;
  }
}

function isZero(bytes: Buffer, at: number, length: number): boolean {
  for (let i = at; i < at + length; i += 1) if (bytes[i] !== 0) return false;
  return true;
}
