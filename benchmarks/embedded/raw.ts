import { readSync } from 'node:fs';
import { join } from 'node:path';
import { checksumOf } from '../workload.js';
import { FramedFile, framedBytes, walkFrames } from './framed-file.js';
import type { OpenOptions, OpenTarget, ReadTotals, Target } from './target.js';
import type { RecordInput } from './varve.js';

/** Plain files, framed: what the same work costs without an engine. One file a partition. */
export const rawTarget: Target = {
  name: 'raw',
  open: async (options: OpenOptions): Promise<OpenTarget> => new RawFiles(options),
};

const READ_BYTES = 1024 * 1024;

class RawFiles implements OpenTarget {
  readonly settings = { format: 'length-prefixed values', checksum: 'none', writes: 'pwrite' };
  readonly #files: readonly FramedFile[];
  readonly #largestRead: number;

  constructor({ directory, partitions, largestBatchBytes, largestBatchRecords }: OpenOptions) {
    const frameBytes = framedBytes(largestBatchRecords, largestBatchBytes);
    this.#largestRead = READ_BYTES + framedBytes(1, largestBatchBytes);
    this.#files = Array.from(
      { length: partitions },
      (_, partition) =>
        new FramedFile(join(directory, `${partition}.raw`), { largestBatchBytes: frameBytes }),
    );
  }

  append(partition: number, records: readonly RecordInput[]): void {
    this.#file(partition).append(records.map((record) => record.value as Buffer));
  }

  appendDurable(partition: number, records: readonly RecordInput[]): Promise<void> {
    this.append(partition, records);
    return this.#file(partition).flush();
  }

  async flush(): Promise<void> {
    await Promise.all(this.#files.map((file) => file.flush()));
  }

  async read(partition: number): Promise<ReadTotals> {
    const file = this.#file(partition);
    const buffer = Buffer.allocUnsafe(this.#largestRead);
    let records = 0;
    let valueBytes = 0;
    let checksum = 0;
    for (let position = 0; position < file.size; ) {
      const length = Math.min(buffer.length, file.size - position);
      const got = readSync(file.descriptor, buffer, 0, length, position);
      const used = walkFrames(buffer, got, (value) => {
        records += 1;
        valueBytes += value.length;
        checksum += checksumOf(value);
      });
      if (used === 0) throw new Error(`no whole record at byte ${position} of ${file.size}`);
      position += used;
    }
    return { records, valueBytes, checksum };
  }

  async close(): Promise<void> {
    for (const file of this.#files) file.close();
  }

  #file(partition: number): FramedFile {
    const file = this.#files[partition];
    if (file === undefined) throw new RangeError(`no partition ${partition}`);
    return file;
  }
}
