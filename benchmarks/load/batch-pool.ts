import type { Cell } from '../model/knobs.js';
import type { PayloadSource } from '../payload.js';
import { Batch, BatchTemplate } from './batch.js';
import type { Keys } from './keys.js';

/** A client's `max.request.size`, and what a topic takes at most of one batch, by default. */
export const MAX_REQUEST_BYTES = 1024 * 1024;
/** What records take in a batch beyond their values, at most: generous, as only large batches come near the limit. */
const RECORD_OVERHEAD_BYTES = 24;
const BATCH_OVERHEAD_BYTES = 64;
/** So that what is sent is not always the same; fewer of large ones. */
const DIFFERENT_BATCHES = 16;
const DIFFERENT_BYTES = 8 * 1024 * 1024;
const MAX_DRAWN = 1024;
const PREFILLED_BYTES = 16 * 1024 * 1024;

/**
 * Batches made ahead; those given back are used again, the one that has rested longest first. When none is free another is
 * copied from what was drawn before the clock started: to draw values takes longer than a schedule has.
 */
export class BatchPool {
  readonly #payload: PayloadSource;
  readonly #cell: Cell;
  readonly #keys: Keys | null;
  readonly #isPacked: boolean;
  readonly #free = new Map<number, FreeList>();
  readonly #templates = new Map<number, BatchTemplate[]>();
  /** The values of one batch each. */
  readonly #values: Buffer[][] = [];
  /** Whose turn it is to be copied. */
  #turn = 0;
  /** Drawn and not yet in a batch, the next one last. */
  #drawn: Buffer[] = [];

  constructor(options: {
    readonly payload: PayloadSource;
    readonly cell: Cell;
    readonly keys: Keys | null;
    readonly isPacked: boolean;
  }) {
    this.#payload = options.payload;
    this.#cell = options.cell;
    this.#keys = options.keys;
    this.#isPacked = options.isPacked;
    let bytes = 0;
    while (this.#values.length < DIFFERENT_BATCHES && bytes < DIFFERENT_BYTES) {
      const values = this.#drawValues();
      bytes += values.reduce((sum, { length }) => sum + length, 0);
      this.#values.push(values);
    }
  }

  /** Before the clock starts. `underWay`: batches that will be in use at once. */
  prefill(underWay: number): void {
    const wanted = Math.max(this.#values.length, underWay + 1);
    const kinds = this.#keys === null ? [0] : this.#keys.busiest(wanted);
    let bytes = 0;
    for (let at = 0; at < wanted && (at === 0 || bytes < PREFILLED_BYTES); at++) {
      const batch = this.#copy(kinds[at % kinds.length]!);
      bytes += batch.valueBytesOfFirst(batch.capacity);
      this.release(batch);
    }
  }

  take(partition: number): Batch {
    const kind = this.#keys === null ? 0 : partition;
    const batch = this.#free.get(kind)?.shift() ?? this.#copy(kind);
    batch.partition = partition;
    batch.attempts = 0;
    batch.answeredNs = 0;
    return batch;
  }

  release(batch: Batch): void {
    let list = this.#free.get(batch.kind);
    if (list === undefined) {
      list = new FreeList();
      this.#free.set(batch.kind, list);
    }
    list.push(batch);
  }

  #copy(kind: number): Batch {
    this.#turn += 1;
    return new Batch(this.#template(kind));
  }

  /** Without keys, one of all in turn. With keys a partition has one, as each has to be encoded. */
  #template(kind: number): BatchTemplate {
    let templates = this.#templates.get(kind);
    if (templates === undefined) {
      templates = [];
      this.#templates.set(kind, templates);
    }
    const most = this.#keys === null ? this.#values.length : 1;
    if (templates.length === most) return templates[this.#turn % most] as BatchTemplate;
    const values = this.#values[this.#turn % this.#values.length] as Buffer[];
    const template = new BatchTemplate({
      values,
      keys: this.#keys === null ? null : this.#keys.of(kind, values.length),
      codec: this.#cell.codec,
      isPacked: this.#isPacked,
      kind,
    });
    templates.push(template);
    return template;
  }

  get #drawCount(): number {
    const { batchBytes, recordBytes } = this.#cell;
    return Math.max(1, Math.min(MAX_DRAWN, Math.ceil(batchBytes / recordBytes)));
  }

  #drawValues(): Buffer[] {
    const { batchBytes } = this.#cell;
    const wireLimit = Math.max(MAX_REQUEST_BYTES, batchBytes);
    const keyBytes = this.#keys?.keyBytes ?? 0;
    const values: Buffer[] = [];
    let bytes = 0;
    let wireBytes = BATCH_OVERHEAD_BYTES;
    for (;;) {
      if (this.#drawn.length === 0) this.#drawn = this.#payload.values(this.#drawCount).reverse();
      const value = this.#drawn.at(-1) as Buffer;
      bytes += value.length;
      wireBytes += value.length + keyBytes + RECORD_OVERHEAD_BYTES;
      if (values.length > 0 && (bytes > batchBytes || wireBytes > wireLimit)) return values;
      values.push(value);
      this.#drawn.pop();
    }
  }
}

/** First in, first out, without moving what is in it. */
class FreeList {
  #items: Batch[] = [];
  #first = 0;

  push(batch: Batch): void {
    this.#items.push(batch);
  }

  shift(): Batch | undefined {
    const batch = this.#items[this.#first];
    if (batch === undefined) return undefined;
    this.#first += 1;
    if (this.#first > 1024 && this.#first * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#first);
      this.#first = 0;
    }
    return batch;
  }
}
