import { formatTime } from '../columns.js';
import { Output } from '../output.js';
import { recordToJson } from '../record-json.js';
import type { ConsumeFlags } from './flags.js';
import type { ConsumedRecord } from './record-batches.js';

const NEWLINE = Buffer.from('\n');

/** Prints records as the flags say: fields in a fixed order, the value last. */
export class RecordPrinter {
  readonly #out = new Output();
  readonly #flags: ConsumeFlags;
  readonly #separator: Buffer;

  constructor(flags: ConsumeFlags) {
    this.#flags = flags;
    this.#separator = Buffer.from(flags.separator);
  }

  get isFull(): boolean {
    return this.#out.isFull;
  }

  print(topic: string, partition: number, record: ConsumedRecord): void {
    const { json, timestamps, offsets, headers, keys } = this.#flags;
    if (json) {
      const line = { topic, partition, ...recordToJson(record) };
      this.#out.text(`${JSON.stringify(line)}\n`);
      return;
    }
    if (timestamps) this.#field(formatTime(record.timestamp));
    if (offsets) this.#field(`${topic}-${partition}:${record.offset}`);
    if (headers) {
      const list = record.headers.map(({ key, value }) => `${key}=${value?.toString() ?? ''}`);
      this.#field(list.join(','));
    }
    if (keys) {
      this.#bytes(record.key);
      this.#bytes(this.#separator);
    }
    this.#bytes(record.value);
    this.#bytes(NEWLINE);
  }

  flush(): Promise<void> {
    return this.#out.flush();
  }

  #field(text: string): void {
    this.#out.text(text);
    this.#bytes(this.#separator);
  }

  #bytes(bytes: Buffer | null): void {
    if (bytes !== null) this.#out.copy(bytes, 0, bytes.length);
  }
}
