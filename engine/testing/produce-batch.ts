import { BatchOptions, batchSizeBound, writeBatch } from '../format/batch-writer.js';
import type { RecordInput } from '../types.js';

/** One record batch as a producer sends it; values as text or whole records. */
export function batch(
  records: readonly (string | RecordInput)[],
  options: Partial<BatchOptions> = {},
): Buffer {
  const inputs = records.map((record) =>
    typeof record === 'string' ? { value: record, timestamp: Date.now() } : record,
  );
  const bytes = Buffer.alloc(batchSizeBound(inputs, 0, inputs.length));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const batchOptions = Object.assign(new BatchOptions(), { now: Date.now() }, options);
  const size = writeBatch(bytes, view, 0, inputs, 0, inputs.length, batchOptions);
  return bytes.subarray(0, size);
}
