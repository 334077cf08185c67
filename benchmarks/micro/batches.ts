import { BatchOptions, batchSizeBound, writeBatch } from '../../engine/format/batch-writer.js';
import type { RecordInput } from '../../engine/types.js';
import { createGenerator } from '../payload.js';

export interface Shape {
  readonly recordBytes: number;
  readonly records: number;
}

/** The shapes of the speed table. */
export const SHAPES: readonly Shape[] = [
  { recordBytes: 100, records: 1000 },
  { recordBytes: 1024, records: 100 },
  { recordBytes: 100, records: 1 },
];

export function shapeName({ recordBytes, records }: Shape): string {
  return `${recordBytes} B x ${records}`;
}

/** A fixed time, so that the clock is not part of what is measured. */
export const NOW_MS = 1_704_067_200_000;

export function makeRecords({ recordBytes, records }: Shape): RecordInput[] {
  const source = createGenerator({ recordBytes, spread: 'exact', seed: 1 });
  return source.values(records).map((value) => ({ value }));
}

export interface EncodedBatch {
  readonly buffer: Buffer;
  readonly view: DataView;
  readonly bytes: number;
}

export function encodeBatch(records: readonly RecordInput[], baseOffset = 0): EncodedBatch {
  const buffer = Buffer.allocUnsafeSlow(batchSizeBound(records, 0, records.length));
  const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  const options = new BatchOptions();
  options.now = NOW_MS;
  options.baseOffset = baseOffset;
  const bytes = writeBatch(buffer, view, 0, records, 0, records.length, options);
  return { buffer, view, bytes };
}
